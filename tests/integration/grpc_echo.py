"""A gRPC service and its client, as programs of their own: run by the distribution's Python, which
has the library.

  grpc_echo.py serve ADDRESS:PORT
  grpc_echo.py ask ADDRESS:PORT      prints what went well, a word a line; exits with 1 otherwise
"""

import hashlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

SERVICE = "culvert.test.Echo"
LIMIT = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]


def pause(request, context):
    """Says one thing, and the rest when the client has gone: ends by cancellation only."""
    del request
    gone = threading.Event()
    context.add_callback(gone.set)
    yield b"first"
    gone.wait(60)


METHODS = {
    "Unary": grpc.unary_unary_rpc_method_handler(lambda request, _: hashlib.sha256(request).digest()),
    "Down": grpc.unary_stream_rpc_method_handler(lambda request, _: (bytes([i % 251]) * 1000 for i in range(int(request)))),
    "Up": grpc.stream_unary_rpc_method_handler(lambda requests, _: str(sum(len(r) for r in requests)).encode()),
    "Both": grpc.stream_stream_rpc_method_handler(lambda requests, _: (r[::-1] for r in requests)),
    "Pause": grpc.unary_stream_rpc_method_handler(pause),
}


def serve(address):
    server = grpc.server(ThreadPoolExecutor(16), options=LIMIT)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, METHODS),))
    if server.add_insecure_port(address) == 0:
        sys.exit(f"cannot listen on {address}")
    server.start()
    print("listening", flush=True)
    server.wait_for_termination()


def ask(address):
    with grpc.insecure_channel(address, options=LIMIT) as channel:
        def path(name):
            return f"/{SERVICE}/{name}"
        big = bytes(range(256)) * (16 << 12)  # 16 MiB
        checks = {
            "unary": lambda: channel.unary_unary(path("Unary"))(big, timeout=60) == hashlib.sha256(big).digest(),
            "server-stream": lambda: [m[0] for m in channel.unary_stream(path("Down"))(b"5000", timeout=60)]
            == [i % 251 for i in range(5000)],
            "client-stream": lambda: channel.stream_unary(path("Up"))((b"x" * 1000 for _ in range(5000)), timeout=60)
            == b"5000000",
            "both": lambda: [m for m in channel.stream_stream(path("Both"))(
                (str(i).encode() for i in range(1000)), timeout=60)] == [str(i).encode()[::-1] for i in range(1000)],
            "cancelled": lambda: cancelled(channel.unary_stream(path("Pause"))(b"", timeout=60)),
        }
        good = True
        for name, check in checks.items():
            fine = check()
            good &= fine
            print(name if fine else f"WRONG {name}", flush=True)
    return 0 if good else 1


def cancelled(call):
    """One message is there before the stream ends, and cancelling ends it."""
    if next(call) != b"first":
        return False
    call.cancel()
    try:
        next(call)
    except grpc.RpcError as error:
        return error.code() == grpc.StatusCode.CANCELLED
    return False


if __name__ == "__main__":
    sys.exit({"serve": serve, "ask": ask}[sys.argv[1]](sys.argv[2]))
