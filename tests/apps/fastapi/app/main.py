"""The application and its pages."""

from pathlib import Path

from fastapi import FastAPI, status
from pydantic import BaseModel

# Read once, so that a process tells which code it has loaded.
VERSION = (Path(__file__).parent.parent / "VERSION").read_text().strip()

app = FastAPI()


class Item(BaseModel):
    """Something that has a name and a price."""

    name: str
    price: float
    is_offer: bool | None = None


@app.get("/")
async def index() -> dict[str, str]:
    """Answer with what the release is."""
    return {"release": Path.cwd().name, "version": VERSION}


@app.get("/health")
async def health() -> dict[str, str]:
    """Answer 200."""
    return {"status": "ok"}


@app.get("/items/{item_id}")
async def read_item(item_id: int, q: str | None = None) -> dict[str, int | str | None]:
    """Answer with what was asked for."""
    return {"item_id": item_id, "q": q}


@app.post("/items", status_code=status.HTTP_201_CREATED)
async def create_item(item: Item) -> Item:
    """Answer with the item that was sent."""
    return item
