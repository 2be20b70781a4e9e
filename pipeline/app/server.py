"""The page and its two questions over HTTP; every answer to bad input is a sentence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import StrictFloat, StrictInt, StrictStr
from starlette.middleware.trustedhost import TrustedHostMiddleware

from pipeline.app.desk import Desk, InputError
from pipeline.app.plans import NAMES
from pipeline.sections import Strict

PAGE = {
    "/": ("index.html", "text/html"),
    "/app.css": ("app.css", "text/css"),
    "/app.js": ("app.js", "text/javascript"),
    "/draw.js": ("draw.js", "text/javascript"),
}
MOST_BYTES = 65_536        # of a request; a person with every variable takes a tenth of it
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
Value = StrictFloat | StrictInt | StrictStr | None


class PersonAsked(Strict):
    """What is known of a person: a value a variable; what is absent, null or "" was not measured."""

    values: dict[str, Value]


class PlansAsked(PersonAsked):
    """The same, and what each plan changes: a value a slider; null is the person's own."""

    plans: dict[str, dict[str, StrictFloat | StrictInt | None]] = {}


def make_app(desk: Desk, hosts: tuple[str, ...] = ("127.0.0.1", "localhost")) -> FastAPI:
    """The application; it answers requests to `hosts` alone, so that no other site can reach it through a browser."""
    app = FastAPI(title=desk.settings.title, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    about = desk.about()

    @app.middleware("http")
    async def guard(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        length = request.headers.get("content-length", "0")
        if request.method == "POST" and not (length.isdigit() and 0 < int(length) <= MOST_BYTES):
            answer: Response = _sentence(f"a request holds 1 to {MOST_BYTES} bytes, and says how many")
        else:
            answer = await proceed(request)
        answer.headers.update(HEADERS)
        return answer

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, fault: RequestValidationError) -> JSONResponse:
        first = fault.errors()[0]
        where = [str(part) for part in first["loc"][1:] if str(part) not in ("int", "float", "str")]
        if first["type"] == "json_invalid":
            return _sentence("the request is not JSON")
        return _sentence(f"{'.'.join(where) or 'the request'}: {first['msg'].lower()}", where[1:2])

    @app.exception_handler(InputError)
    async def refused(request: Request, fault: InputError) -> JSONResponse:
        return _sentence(str(fault), fault.fields)

    @app.get("/api/model")
    def model() -> dict[str, Any]:
        return about

    @app.post("/api/person")
    def person(asked: PersonAsked) -> dict[str, Any]:
        return desk.person(asked.values)

    @app.post("/api/plans")
    def plans(asked: PlansAsked) -> dict[str, Any]:
        if strangers := [name for name in asked.plans if name not in NAMES]:
            raise InputError(f"no plan {strangers[0]}; there are {', '.join(NAMES)}")
        return desk.compare(asked.values, asked.plans)

    for route, (name, kind) in PAGE.items():
        _add_file(app, route, files("pipeline.app").joinpath("page", name).read_bytes(), kind)
    return app


def _add_file(app: FastAPI, route: str, content: bytes, kind: str) -> None:
    app.add_api_route(route, lambda: Response(content, media_type=kind), response_class=Response)


def _sentence(message: str, fields: Mapping[str, Any] | list[str] | tuple[str, ...] = ()) -> JSONResponse:
    return JSONResponse({"message": message, "fields": list(fields)}, status_code=422)
