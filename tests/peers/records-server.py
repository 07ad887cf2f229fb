"""An MCP server as they stand in companies today: useful, on plain HTTP, with no security of its own.

Usage: records-server.py PORT     serves http://127.0.0.1:PORT/mcp

Its answers are full of personal data, by every door an answer has: text, structured content with an
output schema, prose, lists, resources, prompts and error messages. The people are invented; the
numbers only have the right shape (the cards pass the Luhn check).
"""

import sys
from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field


class Customer(BaseModel):
    """A record as the clients know it: a replacement that breaks these bounds breaks the clients."""

    id: int
    name: Annotated[str, Field(max_length=60)]
    email: Annotated[str, Field(max_length=60, json_schema_extra={"format": "email"})]
    phone: Annotated[str, Field(pattern=r"^\+[0-9 -]+$")]
    ssn: Annotated[str, Field(pattern=r"^[0-9]{3}-[0-9]{2}-[0-9]{4}$")]
    card: Annotated[str, Field(pattern=r"^([0-9]{4}[ -]?){4}$")]
    balance: float


CUSTOMERS = {
    each.id: each
    for each in [
        Customer(
            id=1,
            name="Maria Silva",
            email="maria.silva@example.com",
            phone="+1 415-555-0132",
            ssn="536-22-8726",
            card="4111 1111 1111 1111",
            balance=1204.5,
        ),
        Customer(
            id=2,
            name="Jonas Weber",
            email="jonas.weber@example.org",
            phone="+1 212-555-0187",
            ssn="219-45-6632",
            card="5555-5555-5555-4444",
            balance=-12.25,
        ),
    ]
}

server = MCPServer("records", version="1.0.0")


@server.tool()
def customer_get(id: int) -> Customer:
    """One customer's record."""
    return find(id)


@server.tool()
def customer_list() -> list[Customer]:
    """Every customer's record."""
    return list(CUSTOMERS.values())


@server.tool(structured_output=False)
def customer_note(id: int) -> str:
    """What the last person on the phone wrote down."""
    customer = find(id)
    return (
        f"{customer.name} called from {customer.phone} about card {customer.card}. "
        f"Confirmed SSN {customer.ssn}; send the papers to {customer.email}, please."
    )


@server.tool(structured_output=False)
def customer_delete(id: int) -> str:
    """Forget a customer. Nothing is really deleted, so that tests do not depend on their order."""
    return f"deleted {find(id).id}"


@server.tool(structured_output=False)
def refund(id: int, amount: int) -> str:
    """Pay a customer back."""
    return f"paid {amount} back to {find(id).id}"


@server.tool()
def get_context(namespaces: list[str] | None = None) -> dict[str, Any]:
    """What is known of the conversation. Whatever is asked for, this server tells everything."""
    return {
        "version": 3,
        "session": {"chathistory": ["hello", "where is my order?"], "prefs": {"lang": "en"}},
        "user": {"profile": {"name": "Maria"}, "paymentinfo": {"limit": 5000}},
        "internal": {"host": "db-7"},
    }


@server.resource("records://customers/1", mime_type="application/json")
def first_customer() -> str:
    """The first record, as a document."""
    return CUSTOMERS[1].model_dump_json()


@server.prompt()
def letter(id: str) -> str:
    """A letter to a customer."""
    customer = find(int(id))
    return f"Write to {customer.name} <{customer.email}>, and mention the card {customer.card}."


def find(id: int) -> Customer:
    if id not in CUSTOMERS:
        raise ToolError(f"no customer {id}; ask {CUSTOMERS[1].email} or call {CUSTOMERS[1].phone}")
    return CUSTOMERS[id]


if __name__ == "__main__":
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
