"""The public log over HTTP: what never changes is cached for ever, what changes for seconds.

Source: SPEC.md 6; C2SP tlog-tiles, tlog-policy.
"""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.dependencies import HouseDep, NumberPath
from ledger.errors import Absent, Malformed
from ledger.keys.did import did_path
from ledger.log.tiles import LEVEL_BITS, TILE_WIDTH, parse_tile_path
from ledger.publisher import latest

router = APIRouter(tags=["transparency"])

FOR_EVER = "public, max-age=31536000, immutable"
A_MOMENT = "public, max-age=1, must-revalidate"
FIVE_MINUTES = "public, max-age=300"
TEXT = "text/plain; charset=utf-8"


@router.get("/log/checkpoint")
def get_checkpoint(house: HouseDep) -> Response:
    """Return the newest checkpoint, with the cosignatures of those witnesses that have seen it."""
    served = house.publisher.served()
    if served is None:
        raise Absent("nothing has been published yet")
    return Response(served.note, media_type=TEXT, headers={"Cache-Control": A_MOMENT})


@router.get("/log/tile/{path:path}")
def get_tile(path: str, house: HouseDep) -> Response:
    """Return a tile of hashes, or a bundle of entries, as far as it is published."""
    try:
        tile = parse_tile_path(f"tile/{path}")
    except Malformed as error:
        raise Absent(str(error)) from error
    published = latest(house.ledger.store.database.reader)
    known = 0 if published is None else published.size >> LEVEL_BITS * (tile.level or 0)
    if tile.number * TILE_WIDTH + tile.width > known:
        raise Absent("this tile is not published yet")
    tree = house.publisher.tree
    if tile.level is None:
        data = tree.entries(tile.number, tile.width)
    else:
        data = tree.tile(tile.level, tile.number, tile.width)
    return Response(data, media_type="application/octet-stream", headers={"Cache-Control": FOR_EVER})


@router.get("/log/policy")
def get_policy(house: HouseDep) -> Response:
    """Return which keys must have signed a checkpoint, as a C2SP tlog-policy."""
    return Response(house.issuer.log_policy(), media_type=TEXT, headers={"Cache-Control": FIVE_MINUTES})


@router.get("/trust.json")
def get_trust(house: HouseDep) -> Response:
    """Return the trust file: whom to believe about what, signed by the operator beside it."""
    return Response(
        house.issuer.trust_file()[0], media_type="application/json", headers={"Cache-Control": A_MOMENT}
    )


@router.get("/trust.json.jws")
def get_trust_signature(house: HouseDep) -> Response:
    """Return the operator's detached signature over the trust file."""
    return Response(house.issuer.trust_file()[1], media_type=TEXT, headers={"Cache-Control": A_MOMENT})


@router.get("/.well-known/did.json")
@router.get("/providers/{segment}/did.json")
@router.get("/bodies/{segment}/did.json")
def get_did_document(request: Request, house: HouseDep, segment: str | None = None) -> Response:
    """Return the DID document of the operator, of a provider, or of a body."""
    # As it was sent: `A%2DB` in a DID is another body than `A-B`, and both are `A-B` once decoded.
    path = request.scope["raw_path"].decode("latin-1")
    document = house.issuer.did_document(segment and path.split("/")[2])
    if document is None or did_path(document["id"]) != path:
        raise Absent("no issuer of this ledger has that identifier")
    return JSONResponse(document, media_type="application/did+json", headers={"Cache-Control": FIVE_MINUTES})


@router.get("/status/{number}/{status_list}")
def get_status_list(number: NumberPath, status_list: NumberPath, house: HouseDep) -> Response:
    """Return a signed status list, all of it: nobody learns which entry was asked for."""
    data = house.issuer.status_list(number, status_list)
    if data is None:
        raise Absent("this issuer has no status list of that number")
    return Response(data, media_type="application/vc", headers={"Cache-Control": FIVE_MINUTES})


@router.get("/healthz")
def get_health(house: HouseDep) -> Response:
    """Say that the process serves; what it is worth is in `state`."""
    if house.fault is not None:
        return JSONResponse({"status": "reading only", "reason": house.fault.code}, status_code=200)
    return JSONResponse({"status": "ok"})
