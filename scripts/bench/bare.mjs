// The floor of every start: a Node that does nothing but say that it runs, and stays until told to go.
process.stdout.write('.');
setInterval(() => {}, 1_000_000);
