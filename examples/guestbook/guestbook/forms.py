"""What a visitor can send."""

from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from guestbook.models import MESSAGE_LENGTH, NAME_LENGTH


def tidy(text: str | None) -> str | None:
    """Drop outer blanks, and count a line break as one character, as browsers do."""
    return text and text.strip().replace("\r\n", "\n")


class EntryForm(FlaskForm):
    """One entry."""

    name = StringField(
        "Name",
        filters=[tidy],
        validators=[
            DataRequired("Please tell us your name."),
            Length(max=NAME_LENGTH, message="A name has %(max)d characters at most."),
        ],
    )
    message = TextAreaField(
        "Message",
        filters=[tidy],
        validators=[
            DataRequired("Please write a few words."),
            Length(max=MESSAGE_LENGTH, message="A message has %(max)d characters at most."),
        ],
    )
