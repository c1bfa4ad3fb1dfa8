// `tdn explain`.
#include <signal.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include "app/main_loop.h"
#include "app/roles.h"
#include "base/secret.h"
#include "cli/where.h"
#include "codec/json_writer.h"
#include "http/fetch.h"

namespace tdn::app {
namespace {

Result<Secret> key_for(const ExplainCommand& command) {
  const char* const given = std::getenv("TDN_KEY");  // NOLINT: one thread
  if (given != nullptr && *given != '\0') {
    return Secret(given);
  }
  const std::string path = command.state + "/demo-key";
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) {
    return fail(Code::kMissing,
                "no API key: set TDN_KEY, or give the --state folder of `tdn up` (" + path +
                    " cannot be read)");
  }
  return Secret(line);
}

Result<std::string> body_of(const ExplainCommand& command) {
  if (!command.body_file.empty()) {
    std::ifstream file;
    std::istream* in = &std::cin;
    if (command.body_file != "-") {
      file.open(command.body_file, std::ios::binary);
      in = &file;
    }
    if (!*in) {
      return fail(Code::kMissing, command.body_file +
                                      ": cannot be read, and is no request's id either; give a "
                                      "file with a request's body, or - for standard input");
    }
    return std::string(std::istreambuf_iterator<char>(*in), {});
  }
  std::string body;
  codec::JsonWriter json(body);
  json.begin_object().key("model").string(command.model).key("messages").begin_array();
  json.begin_object().key("role").string("user").key("content").string(command.prompt);
  json.end_object().end_array().end_object();
  return body;
}

io::Task<Result<void>> ask(io::Network& network, http::FetchRequest request, std::string* answer,
                           int* status) {
  TDN_CO_TRY(http::Fetched fetched, co_await http::fetch(network, std::move(request)));
  *answer = std::move(fetched.body);
  *status = fetched.status;
  co_return Result<void>{};
}

io::Task<Result<void>> find_gateway(io::Network& network, client::Control where,
                                    const ExplainCommand& command, std::string* gateway) {
  client::ControlClient control(network, std::move(where));
  TDN_CO_TRY(*gateway, co_await cli::find_gateway(control, command.state, command.site));
  co_return Result<void>{};
}

Result<std::string> ask_control_for_gateway(const ExplainCommand& command) {
  TDN_TRY(client::Control where, cli::find_control({.state = command.state}, {}));
  MainLoop main;
  std::string gateway;
  TDN_TRY_VOID(
      main.run(find_gateway(main.network, std::move(where), command, &gateway), {}, [](int) {}));
  return gateway;
}

// Of an edge alone nothing is written down: it is where it listens by default.
Result<std::string> gateway_for(const ExplainCommand& command) {
  if (!command.gateway.empty()) {
    return command.gateway;
  }
  if (!cli::is_network(command.state)) {
    return "http://127.0.0.1:8080";
  }
  Result<std::string> gateway = ask_control_for_gateway(command);
  if (!gateway && gateway.error().code() == Code::kUnavailable) {
    if (std::string written = cli::written_gateway(command.state, command.site); !written.empty()) {
      return written;
    }
  }
  return gateway;
}

Result<std::string> ask_gateway(const ExplainCommand& command) {
  TDN_TRY(const Secret key, key_for(command));
  TDN_TRY(const std::string gateway, gateway_for(command));
  http::FetchRequest request;
  request.method = "POST";
  request.url = gateway + "/tdn/v1/explain";
  TDN_TRY(request.body, body_of(command));
  request.fields = {{"authorization", "Bearer " + key.reveal()},
                    {"content-type", "application/json"},
                    {"accept", command.json ? "application/json" : "text/plain"}};
  if (!command.location.empty()) {
    request.fields.emplace_back("tdn-client-location", command.location);
  }
  request.limit = std::size_t{16} << 20U;
  MainLoop main;
  std::string answer;
  int status = 0;
  const Result<void> asked = main.run(ask(main.network, std::move(request), &answer, &status),
                                      {SIGINT, SIGTERM}, [](int) { std::_Exit(EXIT_FAILURE); });
  if (!asked) {
    return fail(Code::kUnavailable, gateway + ": " + asked.error().detail());
  }
  if (status != 200) {
    return fail(Code::kInvalid,
                "the gateway answered with status " + std::to_string(status) + ": " + answer);
  }
  return answer;
}

}  // namespace

int run(const ExplainCommand& command) {
  if (command.recorded) {
    io::unblock_all_signals();  // one answer, no cleaning up: a signal may simply end it
    MainLoop main;
    return main.run_command(
        cli::explain_recorded(*command.recorded, io::system_disk(), std::cout, std::cerr));
  }
  const Result<std::string> answer = ask_gateway(command);
  if (!answer) {
    std::cerr << "tdn explain: " << answer.error().detail() << "\n";
    return EXIT_FAILURE;
  }
  std::cout << *answer << (command.json ? "\n" : "");
  return EXIT_SUCCESS;
}

}  // namespace tdn::app
