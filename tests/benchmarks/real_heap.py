"""The real heap of the figures: many imported libraries and a data set of orders, held by
SQLAlchemy's session and by pandas.  Needs fixtures/real_heap/requirements.txt.
"""

from __future__ import annotations

import gc
import importlib
from typing import Any

import pandas as pd
from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    relationship,
    selectinload,
)

LIBRARIES = (
    "aiohttp", "boto3", "cryptography.x509", "django.db.models", "docutils.core", "flask",
    "httpx", "lxml.etree", "matplotlib.pyplot", "networkx", "numpy", "PIL.Image", "pydantic",
    "requests", "scipy.optimize", "scipy.stats", "sympy", "asyncio", "email.mime.text",
    "multiprocessing", "sqlite3", "unittest", "xml.etree.ElementTree",
)  # fmt: skip
OBJECTS_A_CUSTOMER = 130
"""About as many as one customer with its orders and lines makes, pandas included."""
ORDERS, LINES = 2, 2


class Base(DeclarativeBase):
    """The tables."""


class Customer(Base):
    """Who orders."""

    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    orders: Mapped[list[Order]] = relationship(back_populates="customer")


class Order(Base):
    """What was ordered together."""

    __tablename__ = "order"
    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    customer: Mapped[Customer] = relationship(back_populates="orders")
    lines: Mapped[list[Line]] = relationship(back_populates="order")


class Line(Base):
    """One article of an order."""

    __tablename__ = "line"
    id: Mapped[int] = mapped_column(primary_key=True)
    article: Mapped[str]
    price: Mapped[float]
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    order: Mapped[Order] = relationship(back_populates="lines")


class Builder:
    """Draws what comes and goes while the load runs: objects outside the data base."""

    def __init__(self, seed: int) -> None:
        self.pool: list[Any] = []
        self.serial = seed * 1_000_000

    def draw(self) -> tuple[Any, int]:
        """One parsed answer of a service, and how many objects it counts for."""
        self.serial += 1
        tags = [f"tag-{self.serial}-{k}" for k in range(3)]
        return {"id": self.serial, "tags": tags, "at": (self.serial * 0.5, f"{self.serial}")}, 9

    def keep(self, drawn: Any) -> None:
        """Nothing refers to earlier answers."""


def customer(i: int) -> Customer:
    """A customer with its orders."""
    return Customer(
        name=f"customer {i}",
        orders=[
            Order(
                note=f"order {k} of {i}",
                lines=[Line(article=f"article {i * 7 + n}", price=i * 0.25) for n in range(LINES)],
            )
            for k in range(ORDERS)
        ],
    )


def build(object_count: int, seed: int = 1) -> list[Any]:
    """A list that holds the data set, about ``object_count`` objects in all."""
    was_enabled = gc.isenabled()
    gc.disable()
    kept: list[Any] = [importlib.import_module(name) for name in LIBRARIES]
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    count = max(1, object_count // OBJECTS_A_CUSTOMER)
    with Session(engine) as session:
        for start in range(0, count, 2000):
            session.add_all([customer(i) for i in range(start, min(count, start + 2000))])
            session.flush()
        session.commit()
    session = Session(engine)
    whole = selectinload(Customer.orders).selectinload(Order.lines)
    kept += session.scalars(select(Customer).options(whole)).all()
    frame = pd.read_sql("select * from line", engine.connect())
    frame["article"] = frame["article"].astype(object)
    kept += [session, engine, frame, frame.groupby("order_id")["price"].sum()]
    if was_enabled:
        gc.enable()
    return kept
