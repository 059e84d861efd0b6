import os

import psycopg2
from flask import Flask, request

app = Flask(__name__)


def query(sql, *args):
    db = psycopg2.connect(os.environ["DATABASE_URL"])
    try:
        with db, db.cursor() as cursor:
            cursor.execute(sql, args)
            return cursor.fetchone()[0]
    finally:
        db.close()


@app.get("/")
def index():
    return "%s, by %d\n" % (os.environ["TITLE"], query("SELECT max(number) FROM migrations"))


@app.get("/notices")
def count():
    return str(query("SELECT count(*) FROM notices"))


@app.post("/notices")
def add():
    text = request.get_data(as_text=True) or "nothing"
    return str(query("INSERT INTO notices (text) VALUES (%s) RETURNING id", text)), 201
