"""Two edges and a control of one network: what a forwarded request costs beside a local one."""
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

from harness import BenchError, Process, free_port, resident_kib
from subjects import KEY, Edge

BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
SITES = {'here': ('DE', 50.11, 8.68), 'there': ('FR', 48.86, 2.35)}


def node_secret():
    number, text = int.from_bytes(secrets.token_bytes(32), 'big'), ''
    for _ in range(43):
        number, digit = divmod(number, 62)
        text = BASE62[digit] + text
    return text


class Network:
    """Control on the load's core, both edges on the measured one. The endpoint belongs to `serving`:
    with `here` requests to the edge `here` are local, with `there` they are forwarded."""

    def __init__(self, binary, books, engine_port, serving, edge_core=0, control_core=1):
        self.binary, self.folder = binary, tempfile.mkdtemp(prefix='tdn-bench-', dir=books)
        control_state = os.path.join(self.folder, 'control')
        os.makedirs(control_state, mode=0o700)
        nodes, self.ports = [], {}
        for site in SITES:
            state = os.path.join(self.folder, site)
            os.makedirs(state, mode=0o700)
            secret = node_secret()
            with open(os.open(os.path.join(state, 'node-secret'), os.O_WRONLY | os.O_CREAT, 0o600), 'w') as f:
                f.write(secret)
            nodes.append({'site': site, 'sha256': hashlib.sha256(secret.encode()).hexdigest()})
            self.ports[site] = {name: free_port() for name in ('gateway', 'admin', 'peers')}
        with open(os.path.join(control_state, 'nodes.json'), 'w') as f:
            json.dump({'nodes': nodes}, f)
        self.control_port = free_port()
        ready = os.path.join(self.folder, 'control.json')
        self.processes = {'control': Process(
            [binary, 'control', '--state', control_state, '--listen', f'127.0.0.1:{self.control_port}',
             '--ready-file', ready], control_core, os.path.join(self.folder, 'control.log'))}
        self.processes['control'].wait_until(lambda: os.path.exists(ready), 'ready file of control')
        with open(ready) as f:
            key = json.load(f)['controlKey']
        self.apply(control_state, engine_port, serving)
        for site in SITES:
            self.start_edge(site, key, edge_core)
        self.processes['here'].wait_until(self.answers, 'the edge here to know of the engine')
        self.rest_kib = resident_kib(self.processes['here'].pid)

    def apply(self, control_state, engine_port, serving):
        first, *documents = Edge.manifests(engine_port, 1, self.folder).split('\n---\n')
        assert json.loads(first)['kind'] == 'Site'
        sites = [json.dumps({'apiVersion': 'tdn/v1', 'kind': 'Site', 'metadata': {'name': name}, 'spec': {
            'location': {'country': country, 'city': name, 'latitude': latitude, 'longitude': longitude},
            'gateway': f'http://127.0.0.1:{self.ports[name]["gateway"]}'}})
            for name, (country, latitude, longitude) in SITES.items()]
        documents = [text.replace('"site": "bench"', f'"site": "{serving}"') for text in documents]
        done = subprocess.run(
            [self.binary, 'apply', '-f', '-', '--control', f'http://127.0.0.1:{self.control_port}',
             '--token-file', os.path.join(control_state, 'operator-token')],
            input='\n---\n'.join(sites + documents), capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchError(f'tdn apply: {done.stderr or done.stdout}')

    def start_edge(self, site, key, core):
        state, ports = os.path.join(self.folder, site), self.ports[site]
        ready = os.path.join(self.folder, f'{site}.json')
        dial = [f'{other}=127.0.0.1:{self.ports[other]["peers"]}' for other in SITES if other != site]
        self.processes[site] = Process(
            [self.binary, 'edge', '--site', site, '--control', f'http://127.0.0.1:{self.control_port}',
             '--control-key', key, '--node-secret', os.path.join(state, 'node-secret'), '--state', state,
             '--listen', f'127.0.0.1:{ports["gateway"]}', '--admin', f'127.0.0.1:{ports["admin"]}',
             '--peers', f'127.0.0.1:{ports["peers"]}', '--shards', '1', '--ready-file', ready,
             *(word for one in dial for word in ('--dial', one))],
            core, os.path.join(self.folder, f'{site}.log'))
        self.processes[site].wait_until(lambda: os.path.exists(ready), f'ready file of {site}')

    def answers(self):
        request = urllib.request.Request(
            f'http://127.0.0.1:{self.port}/v1/chat/completions', method='POST',
            data=b'{"model": "bench", "messages": [{"role": "user", "content": "x"}]}',
            headers={'authorization': f'Bearer {KEY}', 'content-type': 'application/json'})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status == 200
        except urllib.error.HTTPError:
            return False

    @property
    def port(self):
        return self.ports['here']['gateway']

    @property
    def process(self):
        return self.processes['here']

    def peer_bytes(self):
        """Sent and received by the edge `here` on its connections to the peer listener of `there`."""
        text = subprocess.run(['ss', '-tinH', 'dst', f'127.0.0.1:{self.ports["there"]["peers"]}'],
                              capture_output=True, text=True, check=True).stdout
        return tuple(sum(int(n) for n in re.findall(rf'{name}:(\d+)', text))
                     for name in ('bytes_sent', 'bytes_received'))

    def stop(self):
        for name in ('here', 'there', 'control'):
            if name in self.processes:
                self.processes[name].stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class InNetwork:
    """An edge as in subjects.Edge, but of a network: its agent syncs usage while it is measured."""

    def __init__(self, name, label, binary, books):
        self.name, self.label, self.binary, self.books = name, label, binary, books

    def start(self, engine_port, core):
        return Network(self.binary, self.books, engine_port, 'here', edge_core=core)
