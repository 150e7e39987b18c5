"""The learners' door: one's own Record of Achievement, to read and to take along."""

from fastapi import APIRouter

from api.learners.accesses import router as accesses
from api.learners.pages import demo_router
from api.learners.routes import router as routes

router = APIRouter(tags=["learners"])
router.include_router(routes)
router.include_router(accesses)

__all__ = ["demo_router", "router"]
