#!/bin/sh
psql -h db -U postgres -c "create database app"
