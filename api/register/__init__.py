"""The public door: the register, its providers, and what this ledger is. For anyone, without an account."""

from fastapi import APIRouter

from api.register import front, routes, statistics

router = APIRouter(tags=["register"])
for part in (front, routes, statistics):
    router.include_router(part.router)

__all__ = ["router"]
