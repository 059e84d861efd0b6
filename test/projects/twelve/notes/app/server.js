const fs = require('fs')
const express = require('express')

const file = '/data/notes'
let count = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').length - 1 : 0
const out = fs.openSync(file, 'a')
const edition = process.env.EDITION || '1'

const app = express()
app.get('/', (req, res) => res.type('text').send(`Notes ${edition}\n`))
app.get('/notes', (req, res) => res.type('text').send(String(count)))
app.post('/notes', (req, res) => {
  fs.writeSync(out, `${Date.now()}\n`)
  fs.fsyncSync(out)
  res.status(201).type('text').send(String(++count))
})

const server = app.listen(3000)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
