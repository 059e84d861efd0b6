// Package postgres owns PostgreSQL: the pool, the migrations, the schema check
// and the queries behind the app's interfaces. It must not know HTTP, Redis or
// what a job does.
package postgres
