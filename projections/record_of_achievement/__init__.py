"""What learners have achieved and are working on, folded by learner."""

from projections.record_of_achievement.record import RecordOfAchievement, TreeState
from projections.record_of_achievement.view import (
    Attempt,
    HeldAward,
    HeldEnrolment,
    HeldRecord,
    RecordOfAchievementProjection,
    RecordOfAchievementView,
    Revocation,
)

__all__ = [
    "Attempt",
    "HeldAward",
    "HeldEnrolment",
    "HeldRecord",
    "RecordOfAchievement",
    "RecordOfAchievementProjection",
    "RecordOfAchievementView",
    "Revocation",
    "TreeState",
]
