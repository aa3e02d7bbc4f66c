"""The pages: what the release is, entries, an answer that takes its time, and the health page."""

import math
import time
from pathlib import Path

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.templatetags.static import static
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from .models import Entry

# Read once, so that a process tells which code it has loaded.
VERSION = (settings.BASE_DIR / "VERSION").read_text().strip()


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Answer with what the release is and how many entries there are."""
    return JsonResponse(
        {
            "release": Path.cwd().name,
            "version": VERSION,
            "entries": Entry.objects.count(),
            "style": static("board/board.css"),
        }
    )


@csrf_exempt
@require_POST
def entries(request: HttpRequest) -> HttpResponse:
    """Store an entry with the token and the name of the form, however often the token is sent."""
    entry = Entry(token=request.POST.get("token", ""), name=request.POST.get("name", ""))
    if not 1 <= len(entry.token) <= 36 or len(entry.name) > 100:
        return HttpResponseBadRequest("A token of 36 characters and a name of 100 at most are needed.\n")
    entry.save()
    return JsonResponse({"id": entry.pk, "token": entry.token, "release": Path.cwd().name}, status=201)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def slow(request: HttpRequest) -> HttpResponse:
    """Answer after some seconds, ten at most; a POST stores its entry then."""
    try:
        seconds = float(request.GET.get("seconds", "5"))
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 10:
        return HttpResponseBadRequest("Seconds from 0 to 10 are needed.\n")
    time.sleep(seconds)
    if request.method == "POST":
        return entries(request)
    return JsonResponse({"release": Path.cwd().name, "seconds": seconds})


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Answer 200 if the database answers, else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return HttpResponse("The database does not answer.\n", status=503)
    return HttpResponse("OK\n")
