"""What applications do with their Redis, by the libraries that they use: clients.py SOCKET."""

from __future__ import annotations

import sys

import celery
import django
import rq
from celery.contrib.testing.worker import start_worker
from django.conf import settings
from django.core.cache import cache
from redis import Redis

SOCKET = sys.argv[1]


def with_rq() -> None:
    """Have a job done by a worker."""
    connection = Redis.from_url(f"unix://{SOCKET}?db=0")
    queue = rq.Queue(connection=connection)
    job = queue.enqueue(pow, 6, 2)
    rq.SimpleWorker([queue], connection=connection).work(burst=True)
    print("rq:", job.return_value())


def with_celery() -> None:
    """Have a task done by a worker, which also watches others of its kind."""
    address = f"redis+socket://{SOCKET}?virtual_host=1"
    app = celery.Celery("shop", broker=address, backend=address)

    @app.task
    def add(one: int, two: int) -> int:
        return one + two

    with start_worker(app, perform_ping_check=False, pool="solo"):
        print("celery:", add.delay(40, 2).get(timeout=20))


def with_django() -> None:
    """Keep something in the cache, and clear it."""
    backend = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": f"unix://{SOCKET}?db=2"}
    settings.configure(CACHES={"default": backend})
    django.setup()
    cache.set("key", "value", 60)
    found = cache.get("key")
    cache.clear()
    print("django:", found, cache.get("key"))


with_rq()
with_celery()
with_django()
