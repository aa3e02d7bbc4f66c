"""The database's tables."""

from datetime import UTC, datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAME_LENGTH = 80
MESSAGE_LENGTH = 500


class Base(DeclarativeBase):
    """What all models share."""


class Entry(Base):
    """What one visitor wrote."""

    __tablename__ = "entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    message: Mapped[str] = mapped_column(String(MESSAGE_LENGTH))
    # MySQL's DATETIME knows no zone: this is UTC.
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC).replace(tzinfo=None))


db = SQLAlchemy(model_class=Base)
