"""How much of the ideal rate asking a teacher reaches, and whether its memory stays flat.

    python benchmarks/teacher.py [--latency 1.0] [--concurrency 64] [--rounds 12] [--calls 20000]

A server in a process of its own answers every request after the same time. With C requests in
flight and a latency of L seconds, C / L replies a second are ideal. The second part makes many
calls at a small latency and reads the resident memory of this process on the way. Replies are
kept on disk as in a real run.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sfta.adapters.teacher_asking import Request, ask_all
from sfta.adapters.teacher_openai import Endpoint, EndpointTeacher, problems
from sfta.adapters.teacher_replies import ReplyFolder

_REPLY = json.dumps(
    {
        "choices": [{"message": {"content": "x" * 600}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 150},
    }
).encode()


async def answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, latency: float
) -> None:
    """Serve one connection: as little work as HTTP allows."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lengths = [
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ]
            await reader.readexactly(sum(lengths))
            await asyncio.sleep(latency)
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_REPLY) + _REPLY
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def serve(latency: float, told: Connection) -> None:
    """Run the server; tell its port."""

    async def run() -> None:
        server = await asyncio.start_server(
            lambda reader, writer: answer(reader, writer, latency), "127.0.0.1", 0
        )
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def resident_mebibytes() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def requests(count: int) -> Iterator[Request]:
    """Requests as long as those about a chunk."""
    for number in range(count):
        yield Request([{"role": "user", "content": f"Chunk {number}. " + "words " * 300}])


def measure(latency: float, concurrency: int, calls: int) -> dict[str, Any]:
    """Rate of many calls, and the memory along the way."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(latency, theirs))
    server.start()
    memory: list[float] = []
    done = 0

    def use(_place: int, _reply: object) -> None:
        nonlocal done
        done += 1
        if done % max(1, calls // 20) == 0:
            memory.append(round(resident_mebibytes(), 1))

    try:
        url = f"http://127.0.0.1:{ours.recv()}/v1"
        endpoint = Endpoint(url, "m", concurrency=concurrency)
        if found := problems(endpoint):  # as a run does before it begins
            raise SystemExit(found[0])
        teacher = EndpointTeacher(endpoint)
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            ask_all(teacher, requests(calls), ReplyFolder(Path(folder)), use, total=calls)
            seconds = time.perf_counter() - started
    finally:
        server.terminate()
        server.join()
    return {
        "latency": latency,
        "concurrency": concurrency,
        "calls": calls,
        "seconds": round(seconds, 2),
        "per_second": round(calls / seconds, 1),
        "share_of_ideal": round(calls * latency / concurrency / seconds, 4),
        "memory_mib": memory,
    }


def main() -> None:
    """Print both measurements, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--latency", type=float, default=1.0, help="seconds of a reply")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=12, help="calls per request in flight")
    parser.add_argument("--calls", type=int, default=20_000, help="calls of the second part")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    rate = measure(options.latency, options.concurrency, options.concurrency * options.rounds)
    many = measure(0.002, options.concurrency, options.calls)
    if options.json:
        print(json.dumps({"load_before": before, "rate": rate, "many": many}))
        return
    print(f"{len(os.sched_getaffinity(0))} cores, load {before:.1f} before")
    print(f"rate: {rate['per_second']} a second, {rate['share_of_ideal']:.1%} of the ideal")
    print(f"many: {many['calls']} calls, {many['per_second']} a second")
    print(f"memory, MiB: {many['memory_mib']}")


if __name__ == "__main__":
    main()
