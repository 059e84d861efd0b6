const express = require('express')
const { MongoClient } = require('mongodb')

async function main() {
  const client = await MongoClient.connect(process.env.MONGO_URL)
  const recipes = client.db().collection('recipes')
  const app = express()
  app.get('/', (req, res) => res.type('text').send(process.env.GREETING + '\n'))
  app.get('/recipes', async (req, res, next) => {
    try {
      res.type('text').send(String(await recipes.countDocuments({})))
    } catch (err) {
      next(err)
    }
  })
  app.post('/recipes', async (req, res, next) => {
    try {
      await recipes.insertOne({ name: 'soup', at: new Date() })
      res.status(201).end()
    } catch (err) {
      next(err)
    }
  })
  const server = app.listen(process.env.PORT)
  process.on('SIGTERM', () => server.close(() => process.exit(0)))
}

main().catch((err) => {
  console.error(err)
  process.exit(1)
})
