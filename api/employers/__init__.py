"""The employers' door: is this credential genuine, unchanged, in force, and by whom?"""

from fastapi import APIRouter

from api.employers import pages, routes

router = APIRouter(tags=["employers"])
router.include_router(routes.router)
router.include_router(pages.router)

__all__ = ["router"]
