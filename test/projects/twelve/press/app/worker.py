import os
import signal

import redis

stopping = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
store = redis.from_url(os.environ["REDIS_URL"])
print("printing in", os.environ["INK"], flush=True)
while not stopping:
    if store.brpop("orders", timeout=1):
        store.incr("printed")
