// `tdn control`: the store and its thread, the logic over it, the listener.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "app/main_loop.h"
#include "app/roles.h"
#include "base/log.h"
#include "codec/base64.h"
#include "control/service.h"
#include "control/state_folder.h"
#include "local/files.h"
#include "local/reports.h"
#include "store/sqlite_store.h"

namespace tdn::app {
namespace {

using namespace std::chrono_literals;

constexpr Duration kGrace = 5s;  // of requests that wait for edges when it stops

// What was committed last may be lost: only reading it anew can tell. The supervisor starts us
// again.
[[noreturn]] void end_at_once(const Error& error) {
  std::fprintf(stderr, "tdn: the store failed: %s\n", error.detail().c_str());
  std::fflush(stderr);
  ::_exit(EXIT_FAILURE);
}

class ControlRole {
 public:
  ControlRole(MainLoop& main, const ControlCommand& command, const control::StateFolder& folder,
              std::string control_key)
      : main_(main),
        command_(command),
        folder_(folder),
        control_key_(std::move(control_key)),
        tasks_(main.loop) {}

  void on_signal(int signal) {
    if (signal == SIGHUP) {
      tasks_.spawn(reload());
    } else {
      stop_.set();
    }
  }

  // Before `serve`.
  Result<void> open(store::Store& store, std::unique_ptr<control::Core> core) {
    TDN_TRY(Secret token, folder_.operator_token());
    TDN_TRY(control::Nodes nodes, folder_.nodes(command_.nodes_file));
    control::ServiceOptions options{
        .operator_token = std::move(token),
        .nodes = std::move(nodes),
        .clock = &system_clock(),
        .random = &system_random(),
        .on_store_failure = end_at_once,
        .on_published = [this](const protocol::SnapshotOrder& order) { remember(order); },
        .rotate_secret = [this] { return folder_.rotate_network_secret(); }};
    service_.emplace(main_.loop, store_pool_, store, std::move(core), std::move(options));
    return {};
  }

  io::Task<Result<void>> serve() {
    TDN_CO_TRY(std::unique_ptr<io::Listener> listener,
               main_.network.listen(command_.listen, false));
    service_->start(std::move(listener));
    announce();
    co_await stop_.wait();
    log_info("app", "stopping");
    co_await service_->drain(kGrace);
    tasks_.cancel();
    co_await tasks_.join();
    co_return Result<void>();
  }

 private:
  void announce() {
    const local::ControlReport report{.control = "http://" + to_string(service_->address()),
                                      .control_key = control_key_,
                                      .pid = ::getpid()};
    log_info("app", "serving", {{"control", report.control}, {"controlKey", control_key_}});
    const std::string own = folder_.file(std::string(local::kControlReadyFile));
    write_report(own, report);
    if (!command_.ready_file.empty() && command_.ready_file != own) {
      write_report(command_.ready_file, report);
    }
  }

  static void write_report(const std::string& path, const local::ControlReport& report) {
    if (const Result<void> written = local::write_private(path, local::to_json(report) + "\n");
        !written) {
      log_error("app", "cannot write the ready file",
                {{"file", path}, {"reason", written.error().detail()}});
    }
  }

  io::Task<> reload() {
    const control::StateFolder folder = folder_;
    const std::string path = command_.nodes_file;
    std::function<Result<control::Nodes>()> job = [folder, path] { return folder.nodes(path); };
    Result<control::Nodes> nodes = co_await main_.pool.run(std::move(job), main_.loop);
    if (!nodes) {
      log_error("app", "the nodes were not read again; the former ones stay",
                {{"reason", nodes.error().detail()}});
      co_return;
    }
    log_info("app", "nodes read again", {{"nodes", nodes->size()}});
    service_->set_nodes(*std::move(nodes));
  }

  // Behind what was committed, so that it is never ahead of the store.
  void remember(const protocol::SnapshotOrder& order) {
    remembered_ = std::max(remembered_, order);
    if (!remembering_) {
      remembering_ = true;
      tasks_.spawn(write_remembered());
    }
  }
  io::Task<> write_remembered() {
    protocol::SnapshotOrder written;
    while (written < remembered_) {
      written = remembered_;
      const control::StateFolder folder = folder_;
      std::function<Result<bool>()> job = [folder, written]() -> Result<bool> {
        TDN_TRY_VOID(folder.remember_published(written));
        return true;
      };
      const Result<bool> done = co_await main_.pool.run(std::move(job), main_.loop);
      if (!done) {
        log_error("app", "what was published cannot be remembered",
                  {{"reason", done.error().detail()}});
      }
    }
    remembering_ = false;
  }

  MainLoop& main_;
  const ControlCommand& command_;
  control::StateFolder folder_;
  std::string control_key_;
  io::BlockingPool store_pool_{1};
  std::optional<control::Service> service_;
  protocol::SnapshotOrder remembered_;
  bool remembering_ = false;
  io::TaskGroup tasks_;
  io::Event stop_;
};

}  // namespace

Result<void> run(const ControlCommand& command) {
  if (!command.ready_file.empty()) {
    if (const Result<void> written = local::write_private(command.ready_file + ".trial", "");
        !written) {
      return fail(written.error().with("the ready file cannot be made"));
    }
    local::remove_file(command.ready_file + ".trial");
    local::remove_file(command.ready_file);
  }
  const Logging logging(LogLevel::kInfo);
  TDN_TRY(const control::StateFolder folder,
          control::StateFolder::open(command.state, io::system_disk(), system_random()));
  TDN_TRY(const std::unique_ptr<store::SqliteStore> store,
          store::SqliteStore::open(folder.file("control.db"), io::system_disk()));
  TDN_TRY(codec::Ed25519Key key, folder.signing_key());
  TDN_TRY(std::vector<control::NetworkSecret> secrets, folder.network_secrets());
  TDN_TRY(const codec::Digest user_secret, folder.user_secret());
  TDN_TRY(const std::optional<protocol::SnapshotOrder> published, folder.published());
  const std::string control_key = codec::to_base64(key.public_key());
  TDN_TRY(std::unique_ptr<control::Core> core,
          control::open_core(*store, {.clock = &system_clock(),
                                      .random = &system_random(),
                                      .signing_key = key,
                                      .network_secrets = std::move(secrets),
                                      .user_secret = user_secret,
                                      .remembered = published,

                                      .new_epoch = command.new_epoch,
                                      .valid_for_s = command.valid_for_s}));
  MainLoop main;
  ControlRole role(main, command, folder, control_key);
  TDN_TRY_VOID(role.open(*store, std::move(core)));
  return main.run(role.serve(), {SIGINT, SIGTERM, SIGHUP},
                  [&role](int signal) { role.on_signal(signal); });
}

}  // namespace tdn::app
