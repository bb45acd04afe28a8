"""The AWS services alone behind uvicorn, in a process of their own that a test may kill: PORT STATE_DIR."""

import asyncio
import sys
from pathlib import Path

import uvicorn
from sageyard.aws import open_cloud
from sageyard.settings import Settings


def main() -> None:
    """Serve until killed or interrupted."""
    mount, _ = open_cloud(Settings(port=int(sys.argv[1]), state_dir=Path(sys.argv[2])))

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                event = await receive()
                if event["type"] == "lifespan.shutdown":
                    mount.close()
                await send({"type": f"{event['type']}.complete"})
        elif scope["path"] == "/moto-api/reset":
            await asyncio.to_thread(mount.reset)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
        else:
            await mount(scope, receive, send)

    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
