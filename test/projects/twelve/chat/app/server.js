const fs = require('fs')
const http = require('http')
const express = require('express')
const { WebSocketServer } = require('ws')

const file = '/history/said'
let said = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').length - 1 : 0
const out = fs.openSync(file, 'a')
const keep = (text) => {
  fs.writeSync(out, JSON.stringify(text) + '\n')
  fs.fsyncSync(out)
  return ++said
}

const app = express()
app.get('/', (req, res) => res.type('text').send(`Chat in the ${process.env.ROOM}\n`))
app.get('/said', (req, res) => res.type('text').send(String(said)))
app.post('/said', (req, res) => res.status(201).type('text').send(String(keep('by post'))))

const server = http.createServer(app)
const sockets = new WebSocketServer({ server, path: '/ws' })
sockets.on('connection', (ws) => ws.on('message', (text) => ws.send(`${keep(String(text))}`)))
server.listen(8080)

process.on('SIGTERM', () => {
  for (const ws of sockets.clients) ws.close(1012, 'restarts')
  server.close(() => process.exit(0))
})
