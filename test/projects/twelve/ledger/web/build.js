const fs = require('fs')

fs.writeFileSync('index.html', `<!DOCTYPE html>
<title>The ledger</title>
<p>The ledger, ${process.env.EDITION} edition</p>
`)
