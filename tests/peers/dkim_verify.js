// Verifies DKIM signatures with mailauth, with records that are given instead of DNS.
//
// Argument: the directory in which mailauth is installed. Standard input and output: those of dkim_verify.py.

const { createRequire } = require('module');
const path = require('path');
const load = createRequire(path.join(process.argv[2], 'package.json'));
const { dkimVerify } = load('mailauth/lib/dkim/verify');
let input = '';
process.stdin.on('data', piece => { input += piece; }).on('end', async () => {
  const asked = JSON.parse(input);
  const resolver = async (name, type) => {
    const record = type === 'TXT' && asked.records[name];
    if (!record) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    return [record.match(/.{1,255}/g)];
  };
  const all = [];
  for (const message of asked.messages) {
    const { results } = await dkimVerify(Buffer.from(message, 'base64'), { resolver });
    all.push(results.map(one => [one.algo, one.status.result === 'pass']));
  }
  process.stdout.write(JSON.stringify(all));
});
