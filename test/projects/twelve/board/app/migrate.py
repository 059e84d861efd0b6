import os

import psycopg2

STEPS = [
    "CREATE TABLE notices (id bigserial PRIMARY KEY, text text NOT NULL)",
    "ALTER TABLE notices ADD COLUMN written timestamptz NOT NULL DEFAULT now()",
]

db = psycopg2.connect(os.environ["DATABASE_URL"])
with db, db.cursor() as cursor:
    cursor.execute("CREATE TABLE IF NOT EXISTS migrations (number int PRIMARY KEY)")
    cursor.execute("SELECT count(*) FROM migrations")
    for number in range(cursor.fetchone()[0], len(STEPS)):
        cursor.execute(STEPS[number])
        cursor.execute("INSERT INTO migrations VALUES (%s)", (number + 1,))
print("the database is at step", len(STEPS))
