"""FHIR Consent in and out: exactly what a rule can say, and a sentence for everything else."""

import copy
from datetime import UTC, date, datetime, timedelta

import pytest
from fhir.resources.R4B.consent import Consent
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.runs import RunError
from pipeline.schema import TableError, variables
from pipeline.vault import ALL, Rule, groups, purposes
from pipeline.vault.consent import decide
from pipeline.vault.fhir_consent import read_consents, write_consent
from tests.vault.people import deliver

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
# As another system would send it: written by hand from the specification, not by our writer.
GIVEN = {
    "resourceType": "Consent",
    "id": "research-1",
    "meta": {"versionId": "2", "lastUpdated": "2025-02-03T09:00:00+01:00"},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Consent to research</div>'},
    "status": "active",
    "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]},
    "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0", "display": "Consent Document"}]}],
    "patient": {"reference": "Patient/anna"},
    "dateTime": "2025-02-03T08:55:00+01:00",
    "performer": [{"reference": "Patient/anna"}],
    "organization": [{"display": "Clinic"}],
    "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
    "provision": {
        "type": "permit",
        "period": {"start": "2025-02-03", "end": "2030-12-31"},
        "purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HRESCH"}],
        "code": [
            {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
            {"coding": [{"system": "http://snomed.info/sct", "code": "43396009"},
                        {"system": "http://loinc.org", "code": "59261-8"}]},
        ],
    },
}  # fmt: skip
EXTENSION = {"extension": [{"url": "urn:x", "valueBoolean": True}]}
RULE = Rule(("research",), ("sbp_mmhg", "hba1c_mmol_mol"), True, date(2025, 2, 3), date(2030, 12, 31),
            datetime(2025, 2, 3, 7, 55, tzinfo=UTC))  # fmt: skip


def changed(**elements):
    """The consent with elements set (`provision__type` is one inside), or taken out by None."""
    resource = copy.deepcopy(GIVEN)
    for path, value in elements.items():
        *way, last = path.split("__")
        inside = resource
        for step in way:
            inside = inside[step]
        inside.pop(last, None)
        if value is not None:
            inside[last] = value
    return resource


def read(resource, **settings):
    (received,) = read_consents(resource, "consent.json", NOW, **settings)
    return received


def coding(system, code):
    return {"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}


def test_a_consent_of_another_system_is_read_as_it_is_meant():
    Consent.model_validate(GIVEN)
    received = read(GIVEN)
    assert received.rule == RULE
    assert received.identifiers == ("anna",)


def test_codes_of_loinc_are_told_apart():
    known = [variable.loinc for variable in variables().values() if variable.loinc]
    assert len(known) == len(set(known))


NAMES = st.sampled_from([*variables(), *groups(), "birth_date"])
rules = st.builds(
    Rule,
    st.lists(st.sampled_from(sorted(purposes())), min_size=1, max_size=3, unique=True).map(tuple),
    st.just((ALL,)) | st.lists(NAMES, min_size=1, max_size=5, unique=True).map(tuple),
    st.booleans(),
    st.dates(date(2000, 1, 1), date(2026, 1, 1)),
    st.none() | st.dates(date(2026, 1, 1), date(2100, 1, 1)),
    st.datetimes(datetime(2000, 1, 1), datetime(2026, 5, 4)).map(lambda moment: moment.replace(tzinfo=UTC)),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rules)
def test_what_is_written_is_valid_and_reads_back_the_same(rule):
    resource = write_consent(rule, "19500401-1234", "person", "one")
    Consent.model_validate(resource)
    received = read(resource)
    assert received.rule == rule
    assert received.identifiers[0] == "19500401-1234"


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"provision__actor": [{"role": {"text": "x"}, "reference": {"display": "x"}}]}, "provision.actor"),
        ({"provision__action": [{"coding": [coding("consentaction", "access")]}]}, "provision.action"),
        ({"provision__dataPeriod": {"start": "2020-01-01"}}, "provision.dataPeriod"),
        ({"provision__securityLabel": [coding("v3-Confidentiality", "N")]}, "provision.securityLabel"),
        ({"provision__class": [{"system": "urn:x", "code": "Observation"}]}, "provision.class"),
        ({"provision__data": [{"meaning": "instance", "reference": {"reference": "Observation/1"}}]}, "provision.data"),
        ({"provision__provision": [{"type": "deny"}]}, "provision.provision cannot be represented"),
        ({"provision__extension": [{"url": "urn:x", "valueBoolean": True}]}, "provision.extension"),
        ({"modifierExtension": [{"url": "urn:x", "valueBoolean": True}]}, "modifierExtension cannot be represented"),
        ({"implicitRules": "urn:x"}, "implicitRules"),
        ({"policy": [{"uri": "https://example.org/policy"}]}, "policy cannot be represented"),
        ({"verification": [{"verified": False}]}, "verification"),
        ({"provision__purpose": [coding("v3-ActReason", "CLINTRCH")]}, "provision.purpose must be of"),
        ({"provision__purpose": [coding("v3-ActReason", "HRESCH"), {"code": "X"}]}, "provision.purpose must be of"),
        ({"provision__purpose": None}, "provision.purpose must be of"),
        ({"provision__purpose": [coding("v3-ActReason", "TREAT")]}, "scope is research, and provision.purpose"),
        ({"provision__code": [{"coding": [{"system": "http://loinc.org", "code": "2345-7"}]}]}, "provision.code 1"),
        ({"provision__code": [GIVEN["provision"]["code"][0], {"text": "kidneys"}]}, "provision.code 2 is no variable"),
        ({"provision__type": None}, "provision.type is neither"),
        ({"provision__type": "perhaps"}, "provision.type is neither"),
        ({"provision__period": {"start": "2025-02"}}, "provision.period.start is no day"),
        ({"provision__period": {"end": "2025-02-03T12:00:00Z"}}, "provision.period.end is no day"),
        ({"provision": None}, "provision is missing"),
        ({"policyRule": {"coding": [coding("v3-ActCode", "OPTOUT")]}}, "policyRule is not OPTIN"),
        ({"policyRule": None}, "policyRule is not OPTIN"),
        ({"scope": {"coding": [coding("consentscope", "treatment")]}}, "scope is neither"),
        ({"category": [{"coding": [coding("consentcategorycodes", "emrgonly")]}]}, "category is of a kind"),
        ({"category": [{"text": "research"}]}, "category is of a kind"),
        ({"status": "draft"}, "status is 'draft'"),
        ({"status": None}, "not valid in FHIR R4B: status"),
        ({"provision__purpose": [GIVEN["provision"]["purpose"][0] | EXTENSION]}, "provision holds an extension"),
        ({"patient": {"reference": "Patient/anna"} | EXTENSION}, "patient holds an extension"),
        ({"patient": None}, "patient is missing"),
        ({"dateTime": None}, "dateTime is missing or names no day"),
        ({"dateTime": "2025-02"}, "dateTime is missing or names no day"),
        ({"dateTime": "2025-02-30"}, "not valid in FHIR R4B: dateTime"),
        ({"status": "inactive", "provision__type": "deny"}, "a refusal that is no longer in force"),
        ({"unheard": 1}, "not valid in FHIR R4B: unheard"),
    ],
)  # fmt: skip
def test_what_a_rule_cannot_say_is_refused_with_a_sentence(elements, said):
    with pytest.raises(TableError) as told:
        read(changed(**elements))
    assert "consent.json, Consent 1: " in str(told.value)
    assert said in str(told.value)
    assert "nothing of it was taken over" in str(told.value)


def test_all_faults_of_a_document_are_told_at_once():
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": GIVEN},
        {"resource": changed(status="draft", policyRule=None)},
        {"resource": changed(dateTime=None)},
    ]}  # fmt: skip
    with pytest.raises(TableError) as told:
        read_consents(bundle, "all.json", NOW)
    assert [line.partition(":")[0] for line in str(told.value).splitlines()[:3]] == [
        "all.json, Consent 2", "all.json, Consent 2", "all.json, Consent 3"
    ]  # fmt: skip


@pytest.mark.parametrize("status", ["inactive", "rejected", "entered-in-error"])
def test_a_consent_that_is_no_longer_in_force_undoes_itself_and_nothing_later(status):
    ended, day = read(changed(status=status)).rule, date(2026, 5, 4)
    assert "sbp_mmhg" in decide([RULE], "research", day).allowed
    assert decide([RULE, ended], "research", day).allowed == frozenset()
    later = RULE._replace(decided=RULE.decided + timedelta(days=1))
    assert "sbp_mmhg" in decide([RULE, later, ended], "research", day).allowed


def test_without_a_time_of_day_a_refusal_comes_after_a_permission_of_that_day():
    permit = read(changed(dateTime="2025-02-03")).rule
    deny = read(changed(dateTime="2025-02-03", provision__type="deny")).rule
    for order in ([permit, deny], [deny, permit]):
        assert decide(order, "research", date(2026, 5, 4)).allowed == frozenset()
    withdrawn = RULE._replace(granted=False, decided=datetime(2025, 2, 3, 0, 0, 1, tzinfo=UTC))
    assert decide([withdrawn, permit], "research", date(2026, 5, 4)).allowed == frozenset()


def test_a_consent_finds_its_person_by_reference_and_by_identifier(vault):
    vault.load(deliver("anna", "19500401-1234"))
    patient = {"resourceType": "Patient", "id": "p7", "identifier": [{"system": "urn:x", "value": "19500401-1234"}]}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": "urn:uuid:0e0f", "resource": patient},
        {"resource": GIVEN},
        {"resource": changed(patient={"reference": "urn:uuid:0e0f"}, provision__code=None)},
    ]}  # fmt: skip
    patient["identifier"].append({"system": "urn:tvilling:person", "value": "19500401-1234"})
    assert vault.consent_fhir(bundle, "all.json") == 2
    assert vault.consent_fhir(bundle, "all.json") == 0, "the same once more is nothing new"
    assert vault.history("anna") == [RULE]
    assert vault.history("19500401-1234") == [RULE._replace(variables=(ALL,))]
    assert len(vault.read("research").readings) == 2 + 4


def test_a_consent_of_nobody_or_of_two_is_refused_and_nothing_is_written(vault):
    vault.load(deliver("anna", "berit"))
    two = {"resourceType": "Patient", "id": "p", "identifier": [{"value": "anna"}, {"value": "berit"}]}
    first = changed(patient={"identifier": {"value": "anna"}})
    for target, said in (("x", "nobody in the vault"), ("p", "more than one person in the vault")):
        entries = [first, changed(patient={"reference": f"Patient/{target}"}), two]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in entries]}
        with pytest.raises(RunError, match=rf"all\.json, Consent 2: patient refers to {said}"):
            vault.consent_fhir(bundle, "all.json", identify_by="identifier")
    assert vault.history("anna") == []


def test_an_id_that_is_somebody_elses_identifier_is_not_taken_for_it():
    """Logical ids are local to a system: of an id and an identifier only one can be what the vault means."""
    patient = {"reference": "https://other.example/fhir/Patient/anna/_history/2", "identifier": {"value": "berit"}}
    assert read(changed(patient=patient)).identifiers == ("anna",)
    assert read(changed(patient=patient), identify_by="identifier").identifiers == ("berit",)
    patient["identifier"]["system"] = "urn:tvilling:person"
    assert read(changed(patient=patient)).identifiers == ("berit",), "our own identifier says who it is"


@pytest.mark.parametrize("document", [[], {}, {"resourceType": "Patient"}, {"resourceType": "Bundle", "entry": [7]},
                                      {"resourceType": "Bundle"}])  # fmt: skip
def test_what_is_no_consent_is_told(document):
    with pytest.raises(TableError, match=r"x\.json: "):
        read_consents(document, "x.json", NOW)
