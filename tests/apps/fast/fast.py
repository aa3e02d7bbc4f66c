"""A FastAPI application, for tests of gunicorn's ASGI worker."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def index() -> dict[str, str]:
    """Say which framework answers."""
    return {"framework": "FastAPI"}
