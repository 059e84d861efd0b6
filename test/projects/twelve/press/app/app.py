import os

import redis
from flask import Flask

app = Flask(__name__)
store = redis.from_url(os.environ["REDIS_URL"])


@app.get("/")
def index():
    return os.environ["SHOP_NAME"] + " prints\n"


@app.get("/orders")
def printed():
    waiting = store.llen("orders")
    return "%s waiting" % waiting if waiting else str(int(store.get("printed") or 0))


@app.post("/orders")
def order():
    store.lpush("orders", "a poster")
    return "queued\n", 201
