import os

import psycopg2
from flask import Flask

app = Flask(__name__)


def query(sql):
    db = psycopg2.connect(os.environ["DATABASE_URL"])
    try:
        with db, db.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]
    finally:
        db.close()


@app.get("/entries")
def count():
    return str(query("SELECT count(*) FROM entries"))


@app.post("/entries")
def add():
    return str(query("INSERT INTO entries DEFAULT VALUES RETURNING id")), 201
