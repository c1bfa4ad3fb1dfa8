"""What is measured: nginx's bare proxy_pass, `tdn edge`, and no proxy at all."""
import json
import os
import shutil
import tempfile

from harness import Process, free_port, resident_kib

# The example key of the reference page on API keys: its secret is the SHA-256 of "bench".
KEY = 'sk-tdn-jhvry0xfy6-6Rs4Nxgdz8n9fugVEUZqL3xORLC3DnD5bFVBdBSVIt7-4fEoXF'
KEY_ID = 'jhvry0xfy6'
KEY_SHA256 = 'a61d1ae3fb91e4369d436585d8bd8d489f83357829b64d999e0edd496e500035'
UPSTREAM_KEY = 'sk-upstream-0123456789abcdef0123456789abcdef'  # made up

# nginx as fast as it goes for this traffic: one process, no log, kept-alive upstream connections,
# nothing buffered. Like the edge it replaces Authorization and adds a response header.
NGINX = '''
worker_processes 1; daemon off; master_process off; pid {run}/nginx.pid; error_log {run}/nginx.err;
worker_rlimit_nofile 20000;
events {{ worker_connections 16000; use epoll; }}
http {{
  access_log off; client_body_temp_path {run}/body; proxy_temp_path {run}/proxy;
  fastcgi_temp_path {run}/fastcgi; uwsgi_temp_path {run}/uwsgi; scgi_temp_path {run}/scgi;
  keepalive_requests 100000000; keepalive_timeout 600s; tcp_nodelay on; server_tokens off;
  proxy_http_version 1.1; proxy_set_header Connection ""; client_body_buffer_size 64k;
  proxy_set_header Authorization "Bearer {key}"; add_header x-bench 1;
  proxy_buffering off; proxy_read_timeout 600s;
  upstream engine {{
    server 127.0.0.1:{engine}; keepalive 4096; keepalive_requests 100000000; keepalive_timeout 600s;
  }}
  server {{ listen 127.0.0.1:{port} reuseport backlog=4096; location / {{ proxy_pass http://engine; }} }}
}}
'''


class Running:
    """A started subject: where it listens, which process to watch, and its memory at rest."""

    def __init__(self, port, process=None, folder=None):
        self.port, self.process, self.folder = port, process, folder
        self.rest_kib = resident_kib(process.pid) if process else 0

    def stop(self):
        if self.process:
            self.process.stop()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


class Direct:
    name, label = 'direct', 'direct'

    def start(self, engine_port, core):
        return Running(engine_port)


class Nginx:
    name, label = 'nginx', 'nginx'

    @staticmethod
    def program():
        """None if it is not installed."""
        return shutil.which('nginx') or shutil.which('nginx', path='/usr/sbin')

    def start(self, engine_port, core):
        folder, port = tempfile.mkdtemp(prefix='bench-nginx-'), free_port()
        config = os.path.join(folder, 'nginx.conf')
        with open(config, 'w') as f:
            f.write(NGINX.format(run=folder, key=UPSTREAM_KEY, engine=engine_port, port=port))
        process = Process([self.program(), '-c', config, '-p', folder], core, os.path.join(folder, 'log'))
        process.wait_for_port(port)
        return Running(port, process, folder)


class Edge:
    """`tdn edge` with a key and its limits (never reached), a route, usage records and metrics."""

    def __init__(self, name, label, binary, books):
        self.name, self.label, self.binary, self.books = name, label, binary, books

    def start(self, engine_port, core):
        os.makedirs(self.books, exist_ok=True)
        folder = tempfile.mkdtemp(prefix='tdn-bench-', dir=self.books)
        port, admin = free_port(), free_port()
        manifests = os.path.join(folder, 'manifests.yaml')
        with open(manifests, 'w') as f:
            f.write(self.manifests(engine_port, port, folder))
        ready = os.path.join(folder, 'ready.json')
        process = Process(
            [self.binary, 'edge', '--manifests', manifests, '--site', 'bench',
             '--listen', f'127.0.0.1:{port}', '--admin', f'127.0.0.1:{admin}', '--shards', '1',
             '--state', os.path.join(folder, 'state'), '--ready-file', ready],
            core, os.path.join(folder, 'log'))
        process.wait_until(lambda: os.path.exists(ready), 'ready file')
        return Running(port, process, folder)

    @staticmethod
    def manifests(engine_port, port, folder):
        """Manifest documents; JSON is YAML."""
        credential = os.path.join(folder, 'upstream.key')
        with open(os.open(credential, os.O_WRONLY | os.O_CREAT, 0o600), 'w') as f:
            f.write(UPSTREAM_KEY)
        price = {'currency': 'USD', 'perMillion': {'input': '0.02', 'output': '0.04'}}
        limits = {'requestsPerMinute': 1_000_000_000, 'tokensPerMinute': 1_000_000_000,
                  'concurrency': 100_000}
        objects = [
            ('Site', 'bench', {
                'location': {'country': 'DE', 'city': 'Frankfurt', 'latitude': 50.11,
                             'longitude': 8.68},
                'gateway': f'http://127.0.0.1:{port}'}),
            ('Model', 'bench', {'contextLength': 131072, 'price': price}),
            ('Endpoint', 'mock', {
                'site': 'bench', 'kind': 'openai', 'url': f'http://127.0.0.1:{engine_port}',
                'models': [{'model': 'bench', 'as': 'mock'}], 'concurrency': 100_000,
                'credential': {'file': credential}}),
            ('Tenant', 'bench', {}),
            ('Project', 'bench/bench', {}),
            ('Key', 'bench/bench/bench', {
                'models': ['bench'], 'limits': limits,
                'secrets': [{'id': KEY_ID, 'sha256': KEY_SHA256}]}),
        ]
        documents = [json.dumps({'apiVersion': 'tdn/v1', 'kind': kind, 'metadata': {'name': name},
                                 'spec': spec}) for kind, name, spec in objects]
        return '\n---\n'.join(documents) + '\n'
