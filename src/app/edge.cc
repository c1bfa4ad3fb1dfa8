// `tdn edge`: one site's gateway on all shards, its books, its admin listener; in a network its
// agent.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "app/edge_role.h"
#include "app/roles.h"
#include "base/log.h"
#include "local/files.h"
#include "local/user_secret.h"

namespace tdn::app {
namespace {

// As EX_TEMPFAIL of sysexits: another try will do.
constexpr int kStartAgain = 75;

// As many descriptors as we may have: each client is one, and each engine connection.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);  // if not, the soft limit it is
  }
}

// Whoever waits for the file would wait for ever: better no start.
Result<void> prepare_ready_file(const std::string& path) {
  if (path.empty()) {
    return {};
  }
  const std::string trial = path + ".trial";
  if (const Result<void> written = local::write_private(trial, ""); !written) {
    return fail(written.error().with("the ready file cannot be made"));
  }
  local::remove_file(trial);
  local::remove_file(path);
  return {};
}

// Alone: the manifests of now, and a secret of its own to hash users with.
struct Alone {
  std::shared_ptr<const gateway::Catalogue> catalogue;
  std::shared_ptr<const gateway::UserHasher> hasher;
};
Result<Alone> load_alone(const EdgeCommand& command) {
  Alone alone;
  TDN_TRY(alone.catalogue, load_catalogue(source_of(command), nullptr));
  TDN_TRY(const codec::Digest secret, local::open_user_secret(command.state, system_random()));
  alone.hasher = std::make_shared<const gateway::UserHasher>(ByteView(secret));
  return alone;
}

// True: it must be started again.
Result<bool> run_edge(EdgeCommand command) {
  if (command.shards == 0) {
    command.shards = static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  }
  TDN_TRY_VOID(prepare_ready_file(command.ready_file));
  raise_descriptor_limit();
  const Logging logging(LogLevel::kInfo);
  const books::BooksOptions options{.state_dir = command.state,
                                    .segment_bytes = static_cast<std::uint64_t>(command.segment_mib)
                                                     << 20U};
  TDN_TRY(const std::unique_ptr<books::BooksService> books,
          books::BooksService::open(options, io::system_disk(), system_clock(), system_random()));
  TDN_TRY(const std::unique_ptr<requests::RequestLog> log,
          requests::RequestLog::open(io::system_disk(), {.folder = command.state + "/requests"}));
  Alone alone;
  if (command.control.empty()) {
    TDN_TRY(alone, load_alone(command));
  }
  MainLoop main;
  EdgeRole role(main, command, *books, *log, std::move(alone.catalogue), std::move(alone.hasher));
  if (!command.control.empty()) {
    TDN_TRY_VOID(role.join_network());
  }
  TDN_TRY_VOID(main.run(role.serve(), {SIGINT, SIGTERM, SIGHUP},
                        [&role](int signal) { role.on_signal(signal); }));
  return role.restarts();
}

}  // namespace

int run(const EdgeCommand& command) {
  const Result<bool> again = run_edge(command);
  if (!again) {
    std::fprintf(stderr, "tdn: %s\n", again.error().detail().c_str());
    return EXIT_FAILURE;
  }
  return *again ? kStartAgain : EXIT_SUCCESS;
}

}  // namespace tdn::app
