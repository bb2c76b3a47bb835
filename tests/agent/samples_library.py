"""Objects of the standard library's C types: files, sockets, dates, numbers, patterns."""

from __future__ import annotations

import codecs
import csv
import ctypes
import datetime as dt
import decimal
import fractions
import functools
import hashlib
import io
import json
import mmap
import os
import pickle
import queue
import random
import re
import select
import socket
import sqlite3
import string
import struct
import subprocess
import tempfile
import uuid
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path
from typing import Any

from tests.agent.samples import Samples, fresh


class Value:
    """Something with an address of its own."""


def build(samples: Samples, folder: Path) -> None:
    """Add all samples of this module; ``folder`` is theirs to write in."""
    _files(samples, folder)
    _sockets(samples)
    _databases(samples)
    _dates(samples)
    _others(samples)


def _open(value: int) -> dict[str, int]:
    return {"FD": value, "CLOSED": 0}


def _files(samples: Samples, folder: Path) -> None:
    path = folder / "a file"
    path.write_bytes(b"some bytes" * 1000)
    text: Any = path.open()
    text.note = Value()
    samples.keep("text file", text, names=[["ATTR", "buffer", text.buffer]])
    samples.keep("buffered file", text.buffer, names=[["ATTR", "raw", text.buffer.raw]])
    samples.keep("raw file", text.buffer.raw, facts=_open(text.fileno()))
    raw = io.FileIO(str(path))
    raw.close()
    samples.keep("raw file closed", raw, facts={"FD": -1, "CLOSED": 1})
    samples.keep("random access file", path.open("r+b"))
    read, write = os.pipe()
    pair = io.BufferedRWPair(io.FileIO(read, "r"), io.FileIO(write, "w"))
    samples.keep("pipe pair", pair)
    held = samples.keep("bytes io", io.BytesIO(b"x" * 100))
    samples.keep("bytes io view", held.getbuffer())
    samples.keep("string io", io.StringIO("some text"))
    decoder = codecs.getincrementaldecoder("utf-8")()
    newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
    samples.keep("newline decoder", newlines, names=[["ATTR", "decoder", decoder]])
    with path.open("r+b") as file:
        samples.keep("memory map", mmap.mmap(file.fileno(), 0))
    samples.keep("temporary file", tempfile.NamedTemporaryFile(dir=folder))  # noqa: SIM115
    scan = os.scandir(folder)
    entry = samples.keep("directory entry", next(scan))
    entry.stat()
    entry.stat(follow_symlinks=False)
    samples.keep("directory scan", scan)
    samples.keep("stat result sequence", path.stat())
    samples.keep("path", path)
    samples.keep("csv reader", csv.reader([Value()]))  # type: ignore[list-item]
    samples.keep("csv writer", csv.writer(io.StringIO()))


def _sockets(samples: Samples) -> None:
    left, right = socket.socketpair()
    samples.keep("socket", left, facts=_open(left.fileno()))
    samples.aside.append(right)
    closed = socket.socket()
    closed.close()
    samples.keep("socket closed", closed, facts={"FD": -1, "CLOSED": 1})
    samples.keep("socket file", left.makefile("rwb"))
    samples.keep("epoll", select.epoll())
    samples.keep("poll", select.poll())
    process = subprocess.Popen(["/bin/true"], stdout=subprocess.PIPE)
    process.wait()
    samples.keep("process", process)


def _databases(samples: Samples) -> None:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.execute("create table t (a, b)")
    connection.execute("insert into t values (1, 'x')")
    cursor = connection.execute("select * from t")
    samples.keep("database connection", connection)
    samples.keep("database row", cursor.fetchone())
    samples.keep("database cursor", cursor)


class Zone(dt.tzinfo):
    """A time zone with attributes."""

    def __init__(self) -> None:
        self.note = Value()

    def utcoffset(self, _: Any) -> dt.timedelta:
        return dt.timedelta(0)

    def dst(self, _: Any) -> None:
        return None

    def tzname(self, _: Any) -> None:
        return None


def _dates(samples: Samples) -> None:
    fixed = dt.timezone(dt.timedelta(hours=3), fresh("zone ", "3"))
    own = Zone()
    samples.keep("time zone", fixed)
    samples.keep("time zone of ours", own)
    samples.keep("date time", dt.datetime(2020, 1, 1, tzinfo=own),
                 names=[["ATTR", "tzinfo", own]])  # fmt: skip
    samples.keep("date time naive", dt.datetime(2020, 1, 1))  # noqa: DTZ001
    samples.keep("date time fixed", dt.datetime(2020, 1, 1, tzinfo=fixed),
                 names=[["ATTR", "tzinfo", fixed]])  # fmt: skip
    samples.keep("time", dt.time(1, 2, tzinfo=own), names=[["ATTR", "tzinfo", own]])
    samples.keep("date", dt.date(2020, 1, 1))
    samples.keep("time delta", dt.timedelta(1, 2, 3))


def _others(samples: Samples) -> None:
    owner = (ctypes.c_char * 5000)()
    samples.keep("ctypes large array", owner, facts={"BUFFER_BYTES": 5000})
    samples.keep("ctypes inline number", ctypes.c_int(7))
    samples.keep("ctypes view of an array", (ctypes.c_char * 4000).from_buffer(owner))
    samples.keep("decimal", decimal.Decimal("1.5") ** 50)
    samples.keep("decimal context", decimal.Context(prec=9))
    samples.keep("fraction", fractions.Fraction(10**30, 7))
    pattern = re.compile("(?P<name>a)(b)?")
    samples.keep("pattern", pattern)
    samples.keep("match", pattern.match("a" + "b"))
    samples.keep("scanner", pattern.finditer("ab"))
    samples.keep("template", string.Template("$a"))
    samples.keep("formatter", string.Formatter())
    samples.keep("struct", struct.Struct("ii"))
    samples.keep("hash", hashlib.sha256(b"x"))
    samples.keep("compressor", zlib.compressobj())
    samples.keep("decompressor", zlib.decompressobj())
    samples.keep("random", random.Random(1))
    samples.keep("uuid", uuid.UUID(int=1))
    samples.keep("json encoder", json.JSONEncoder(default=str))
    samples.keep("json decoder", json.JSONDecoder())
    simple: Any = queue.SimpleQueue()
    simple.put(Value())
    samples.keep("simple queue", simple)
    samples.keep("queue", queue.Queue(3), facts={"BOUND": 3})
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer)
    pickler.dump(["text"])
    samples.keep("pickler", pickler)
    element = ET.Element("tag", {"a": "b"})
    element.append(ET.Element("child"))
    element.text = "some text"
    samples.keep("xml element", element)
    samples.keep("xml parser", ET.XMLParser())
    samples.keep("cached property", functools.cached_property(len))
    samples.keep("compare key", functools.cmp_to_key(lambda a, b: 0)(Value()))
