const fs = require('fs')
const express = require('express')

const app = express()
const file = '/var/lib/tracks/tracks.jsonl'

if (process.env.ROLE === 'api') {
  let count = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').length - 1 : 0
  const out = fs.openSync(file, 'a')
  app.get('/tracks', (req, res) => res.type('text').send(String(count)))
  app.post('/tracks', (req, res) => {
    fs.writeSync(out, JSON.stringify({ at: Date.now() }) + '\n')
    fs.fsyncSync(out)
    count++
    res.status(201).type('text').send(String(count))
  })
} else {
  app.get('/', (req, res) => res.type('text').send(process.env.TITLE + ' for walkers\n'))
}

const server = app.listen(3000)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
