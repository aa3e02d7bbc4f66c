"""The code of small applications, each in one file, and views that are added to tests/apps/django."""

from __future__ import annotations

# Answers with what is installed, so that a test sees whether a lock was followed: all locks have idna 3.7.
VERSIONS = '''"""Answers with what is installed."""
from importlib import metadata


def application(environ, start_response):
    found = {package.name: package.version for package in metadata.distributions()}
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(f"{name}={found.get(name, 'none')}" for name in ("idna", "iniconfig")).encode()]
'''
WARMING = '''"""Answers 503 until its caches are loaded, five seconds after the start."""
import time

READY = time.monotonic() + 5


def application(environ, start_response):
    start_response("200 OK" if time.monotonic() > READY else "503 Loading", [])
    return [b"warm"]
'''
LINES = '''"""Answers with how many lines a variable has."""
import os


def application(environ, start_response):
    start_response("200 OK", [])
    return [f"lines={len(os.environ['KEY'].splitlines())}".encode()]
'''
HOOKED = '''"""Answers with what a hook of gunicorn has set."""
import os


def application(environ, start_response):
    start_response("200 OK", [])
    return [os.environ["HOOKED"].encode()]
'''
HOOK = """import os


def post_fork(server, worker):
    os.environ["HOOKED"] = "hooked"
"""
COUNTING = '''"""Counts its visitors in Redis."""
import os

import redis

STORE = redis.Redis.from_url(os.environ["REDIS_URL"])


def application(environ, start_response):
    start_response("200 OK", [])
    return [f"visitor {STORE.incr('visitors')}".encode()]
'''
TICKING = '''"""Says whether Celery's beat has ticked."""
import os

import redis
from celery import Celery

STORE = redis.Redis.from_url(os.environ["REDIS_URL"])
celery = Celery("ticking", broker=os.environ["CELERY_BROKER_URL"])
celery.conf.beat_schedule = {"tick": {"task": "versions.tick", "schedule": 1}}


@celery.task
def tick():
    STORE.set("ticked", 1)


def application(environ, start_response):
    start_response("200 OK", [])
    return [b"ticked" if STORE.get("ticked") else b"silent"]
'''
NAMED = """def application(environ, start_response):
    start_response("200 OK", [])
    return [b"{name}"]
"""

UPLOAD = '''

@csrf_exempt
def upload(request):
    """Store a file as a FileField does."""
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    default_storage.delete("photos/cat.txt")
    return HttpResponse(default_storage.save("photos/cat.txt", ContentFile(b"a cat\\n")))
'''
PRIVATE = '''

def private(request):
    """Let nginx send a file."""
    (settings.BASE_DIR / "private/dog.txt").write_text("a dog\\n")
    return HttpResponse(headers={"X-Accel-Redirect": "/protected/dog.txt"})
'''
DAYS = '''

def days(request):
    """Answer as an archive's page does."""
    Entry.objects.get_or_create(token="a", name="b")
    return JsonResponse({"days": [str(day) for day in Entry.objects.datetimes("created", "day")]})
'''
TRIGGER = """from django.db import migrations

SQL = "CREATE TRIGGER upper_name BEFORE INSERT ON board_entry FOR EACH ROW SET NEW.name = UPPER(NEW.name)"


class Migration(migrations.Migration):
    dependencies = [("board", "0001_initial")]
    operations = [migrations.RunSQL(SQL)]
"""
LOG_FILE = """
(BASE_DIR / "logs").mkdir(exist_ok=True)
LOGGING["handlers"]["console"] = {"class": "logging.FileHandler", "filename": BASE_DIR / "logs/django.log"}
"""
MEDIA = """
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "media/"
STORAGES["default"] = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
"""

FLASK = """from flask import Flask

application = Flask(__name__)


@application.get("/")
def index():
    return "Flask"
"""
BOTTLE = """from bottle import Bottle

application = Bottle()


@application.get("/")
def index():
    return "Bottle"
"""
FALCON = """import falcon


class Index:
    def on_get(self, request, response):
        response.text = "Falcon"


application = falcon.App()
application.add_route("/", Index())
"""
PYRAMID = """from pyramid.config import Configurator
from pyramid.response import Response

with Configurator() as config:
    config.add_route("index", "/")
    config.add_view(lambda request: Response("Pyramid"), route_name="index")
    application = config.make_wsgi_app()
"""
FASTAPI = """from fastapi import FastAPI

application = FastAPI()


@application.get("/")
async def index():
    return "FastAPI"
"""
STARLETTE = """from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def index(request):
    return PlainTextResponse("Starlette")


application = Starlette(routes=[Route("/", index)])
"""
LITESTAR = """from litestar import Litestar, MediaType, get


@get("/", media_type=MediaType.TEXT)
async def index() -> str:
    return "Litestar"


application = Litestar([index])
"""
QUART = """from quart import Quart

application = Quart(__name__)


@application.get("/")
async def index():
    return "Quart"
"""
AIOHTTP = """from aiohttp import web


async def index(request):
    return web.Response(text="aiohttp")


application = web.Application()
application.router.add_get("/", index)
"""
