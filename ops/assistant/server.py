"""The server of the Model Context Protocol: the tools, registered with whether they change anything."""

from __future__ import annotations

import functools
from typing import Final

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from ops.assistant.service import Answer, Service, ServiceRefused
from ops.assistant.tools import INSTRUCTIONS, ActingTools, ReadingTools, Tool
from tocsin.version import __version__

READS: Final = ToolAnnotations(read_only_hint=True, open_world_hint=False)
ACTS: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)


def build_server(service: Service, *, acts: bool = False) -> MCPServer:
    """The server over this service. `acts`: also the tools that change something."""
    server = MCPServer("tocsin", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING")
    offered = [(tool, READS) for tool in ReadingTools(service).tools]
    if acts:
        offered += [(tool, ACTS) for tool in ActingTools(service).tools]
    for tool, kind in offered:
        server.add_tool(_plain(tool), annotations=kind)
    return server


def _plain(tool: Tool) -> Tool:
    """The tool, whose refusals the assistant reads as such."""

    @functools.wraps(tool)
    async def asked(*args: object, **kwargs: object) -> Answer:
        try:
            return await tool(*args, **kwargs)
        except ServiceRefused as error:
            raise ToolError(str(error)) from None

    return asked
