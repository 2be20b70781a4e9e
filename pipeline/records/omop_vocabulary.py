"""What the concepts of one OMOP source mean: by the table of codes, else by the vocabulary that the source carries."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.records.codes import VOCABULARIES, Target, codes, level, targets, units
from pipeline.records.items import Unit
from pipeline.records.omop_tables import Tables

AT_ONCE = 5_000      # concepts asked for in one query


class Vocabulary:
    """Concepts of a source, looked up once each."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.has_names = "concept" in tables.relations
        self._named: dict[int, tuple[str, str, str]] = {}      # vocabulary, code, name

    def look_up(self, concepts: Iterable[int]) -> None:
        """Fetch names and codes of concepts, where the source has them."""
        missing = sorted({c for c in concepts if c} - self._named.keys()) if self.has_names else []
        relation = self.tables.relations.get("concept")
        for start in range(0, len(missing), AT_ONCE):
            ids = ", ".join(str(c) for c in missing[start : start + AT_ONCE])
            query = f"""SELECT concept_id, vocabulary_id, concept_code::VARCHAR, concept_name
                FROM {relation} WHERE concept_id IN ({ids})"""
            for concept, vocabulary, code, name in self.tables.rows(query):
                self._named[int(concept)] = (vocabulary or "", code or "", name or "")

    def name(self, concept: int) -> str:
        """The name of a concept; "" where nobody tells."""
        return self._named.get(concept, ("", "", ""))[2]

    def meaning(self, concept: int) -> tuple[Target, ...]:
        """What a concept means by itself."""
        direct = targets("omop", str(concept))
        if direct or concept not in self._named:
            return direct
        vocabulary, code, _ = self._named[concept]
        return targets(VOCABULARIES.get(vocabulary, ""), code)

    def of_drugs(self, concepts: Iterable[int]) -> dict[int, tuple[Target, ...]]:
        """What drugs mean by their ancestors: ingredients and groups of ATC."""
        found: dict[int, dict[str, Target]] = {}
        wanted = sorted(c for c in concepts if c)
        if not wanted or "concept_ancestor" not in self.tables.relations:
            return {}
        known = ", ".join(codes("omop"))
        of_class = ""
        if self.has_names:
            of_class = f"""OR a.ancestor_concept_id IN
                (SELECT concept_id FROM {self.tables.relations["concept"]} WHERE vocabulary_id = 'ATC')"""
        for start in range(0, len(wanted), AT_ONCE):
            ids = ", ".join(str(c) for c in wanted[start : start + AT_ONCE])
            query = f"""SELECT a.descendant_concept_id, a.ancestor_concept_id
                FROM {self.tables.relations["concept_ancestor"]} a
                WHERE a.descendant_concept_id IN ({ids}) AND (a.ancestor_concept_id IN ({known}) {of_class})
                ORDER BY ALL"""
            rows = self.tables.rows(query)
            self.look_up(int(ancestor) for _, ancestor in rows)
            for drug, ancestor in rows:
                for target in self.meaning(int(ancestor)):
                    found.setdefault(int(drug), {})[target.variable.name] = target
        return {drug: tuple(meant.values()) for drug, meant in found.items()}

    def unit(self, concept: int, words: str) -> Unit:
        """A unit by its concept, else by the source's own words."""
        code = units("omop_unit").get(str(concept), "")
        if not code and self._named.get(concept, ("",))[0] == "UCUM":
            code = self._named[concept][1]
        return Unit(code) if code else Unit("", words)

    def answer(self, variable: str, concept: int) -> tuple[str, str] | None:
        """The level of a category that an answer's concept gives, and its flag."""
        known = level(variable, "omop", str(concept))
        if known is None and concept in self._named:
            vocabulary, code, _ = self._named[concept]
            known = level(variable, VOCABULARIES.get(vocabulary, ""), code)
        return known
