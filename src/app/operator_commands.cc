#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <utility>

#include "app/declared.h"
#include "meter/summary.h"

namespace tdn::app {
namespace {

constexpr const char* kFindsIts = R"(
Finds its network by --state, --control with --token-file, or --context; else by the current context of
~/.config/tdn/contexts.yaml, else in the state folder of `tdn up`.
)";

template <class Options>
struct OperatorFlags {
  Options options;
  OperatorCommand command;
};

template <class Options>
std::shared_ptr<OperatorFlags<Options>> new_flags(const Environment& environment) {
  auto flags = std::make_shared<OperatorFlags<Options>>();
  flags->command.defaults = environment.where;
  return flags;
}

void add_where(CLI::App& app, cli::Where& where) {
  CLI::Option* state =
      app.add_option("--state", where.state, "State folder of the network")->type_name("DIR");
  CLI::Option* control =
      app.add_option("--control", where.control, "Control's address, such as http://127.0.0.1:8090")
          ->type_name("URL")
          ->excludes(state);
  app.add_option("--token-file", where.token_file, "File that holds the operator token")
      ->type_name("FILE")
      ->needs(control);
  app.add_option("--context", where.context, "A network by its name in the contexts file")
      ->type_name("NAME")
      ->excludes(state)
      ->excludes(control);
}

// The command once its flags are read; `check` may change the options.
template <class Options>
Declared finish_as(CLI::App* app, std::shared_ptr<OperatorFlags<Options>> flags,
                   std::function<Result<void>(Options&)> check = {}) {
  return {app, [flags = std::move(flags), check = std::move(check)]() -> Result<Command> {
            if (check) {
              TDN_TRY_VOID(check(flags->options));
            }
            flags->command.what = flags->options;
            return flags->command;
          }};
}

void add_files(CLI::App& app, std::vector<std::string>& files, bool required) {
  app.add_option("-f,--filename", files, "Manifests: a file, a folder, or - for standard input")
      ->type_name("FILE|DIR|-")
      ->allow_extra_args(false)
      ->required(required);
}

CLI::Option* add_format(CLI::App& app, std::string& format, std::vector<std::string> formats) {
  std::string list;
  for (std::size_t i = 0; i < formats.size(); ++i) {
    list += (i == 0 ? "" : i + 1 == formats.size() ? " or " : ", ") + formats[i];
  }
  return app.add_option("-o,--output", format, list)
      ->check(CLI::IsMember(std::move(formats)).description(""))
      ->type_name("FORMAT")
      ->capture_default_str();
}

Declared declare_apply(CLI::App& root, const Environment& environment) {
  auto flags = new_flags<cli::ApplyOptions>(environment);
  auto format = std::make_shared<std::string>("text");
  CLI::App* app = root.add_subcommand("apply", "Change what a network serves by, from manifests");
  app->footer(
      std::string(
          R"(Everything is checked as a whole before anything changes. Returns once every connected edge serves by
it, or names those that did not acknowledge within 5 s.
)") + kFindsIts +
      R"(
Examples:
  tdn apply -f tenant.yaml
  tdn apply -f manifests/ --dry-run
  tdn get site paris -o yaml >paris.yaml      change it there, then
  tdn apply -f paris.yaml)");
  add_files(*app, flags->options.files, true);
  app->add_flag("--dry-run", flags->options.dry_run, "Check and tell, and change nothing");
  add_format(*app, *format, {"text", "json"});
  add_where(*app, flags->command.where);
  return finish_as<cli::ApplyOptions>(app, flags,
                                      [format](cli::ApplyOptions& options) -> Result<void> {
                                        options.json = *format == "json";
                                        return {};
                                      });
}

cli::Format format_of(std::string_view word) {
  return word == "wide"   ? cli::Format::kWide
         : word == "yaml" ? cli::Format::kYaml
         : word == "json" ? cli::Format::kJson
                          : cli::Format::kTable;
}

// KIND [NAME], as two words or as KIND/NAME.
struct Words {
  std::string kind;
  std::string name;
  std::string format = "table";
};

void add_object(CLI::App& app, Words& words, bool required) {
  app.add_option("kind", words.kind,
                 "zones, sites, models, endpoints, tenants, projects, keys, policies")
      ->type_name("KIND")
      ->required(required);
  app.add_option("name", words.name, "Of one object; also KIND/NAME")->type_name("NAME");
}

Declared declare_get(CLI::App& root, const Environment& environment) {
  auto flags = new_flags<cli::GetOptions>(environment);
  auto words = std::make_shared<Words>();
  CLI::App* app = root.add_subcommand("get", "Show objects of a network");
  app->footer(
      std::string(R"(Kinds by their singular, plural or short name: zo, si, mo, ep, te, pj, ke, po.
)") + kFindsIts +
      R"(
Examples:
  tdn get sites -o wide               what each edge serves by, and when it was heard of
  tdn get keys
  tdn get policy demo-stays-in-eu -o yaml)");
  add_object(*app, *words, true);
  add_format(*app, words->format, {"table", "wide", "yaml", "json"});
  add_where(*app, flags->command.where);
  return finish_as<cli::GetOptions>(app, flags, [words](cli::GetOptions& options) -> Result<void> {
    TDN_TRY(options.object, cli::parse_reference(words->kind, words->name, false));
    options.format = format_of(words->format);
    return {};
  });
}

Declared declare_describe(CLI::App& root, const Environment& environment) {
  auto flags = new_flags<cli::DescribeOptions>(environment);
  auto words = std::make_shared<Words>();
  CLI::App* app = root.add_subcommand("describe", "One object in full, and what belongs to it");
  app->footer(std::string(kFindsIts) + R"(
Examples:
  tdn describe site frankfurt
  tdn describe tenant/demo)");
  add_object(*app, *words, true);
  add_where(*app, flags->command.where);
  return finish_as<cli::DescribeOptions>(
      app, flags, [words](cli::DescribeOptions& options) -> Result<void> {
        TDN_TRY(options.object, cli::parse_reference(words->kind, words->name, true));
        return {};
      });
}

Declared declare_delete(CLI::App& root, const Environment& environment) {
  auto flags = new_flags<cli::DeleteOptions>(environment);
  auto words = std::make_shared<Words>();
  CLI::App* app = root.add_subcommand("delete", "Take objects out of a network");
  app->footer(
      std::string(
          R"(Refused while another object refers to it; names those. What was used keeps its name in the books.
)") + kFindsIts +
      R"(
Examples:
  tdn delete key demo/playground/phone
  tdn delete -f tenant.yaml)");
  add_object(*app, *words, false);
  add_files(*app, flags->options.files, false);
  add_where(*app, flags->command.where);
  return finish_as<cli::DeleteOptions>(
      app, flags, [words](cli::DeleteOptions& options) -> Result<void> {
        if (options.files.empty() == words->kind.empty()) {
          return fail(Code::kInvalid, "give either KIND NAME or -f FILE");
        }
        if (options.files.empty()) {
          TDN_TRY(options.object, cli::parse_reference(words->kind, words->name, true));
        }
        return {};
      });
}

Declared declare_key_issue(CLI::App& key, const Environment& environment) {
  auto flags = new_flags<cli::KeyIssueOptions>(environment);
  auto format = std::make_shared<std::string>("text");
  CLI::App* app = key.add_subcommand(
      "issue", "Give a Key a new secret on a running network, and print it once");
  app->footer(
      std::string(
          R"(Makes the Key if its project exists. At most two secrets live at once, so that one can be changed
without a gap: issue, hand out, revoke the old one.
)") + kFindsIts +
      R"(
Example:
  tdn key issue demo/playground/phone)");
  app->add_option("name", flags->options.name, "tenant/project/key")->type_name("NAME")->required();
  add_format(*app, *format, {"text", "json"});
  add_where(*app, flags->command.where);
  return finish_as<cli::KeyIssueOptions>(app, flags,
                                         [format](cli::KeyIssueOptions& options) -> Result<void> {
                                           options.json = *format == "json";
                                           return {};
                                         });
}

Declared declare_key_revoke(CLI::App& key, const Environment& environment) {
  auto flags = new_flags<cli::KeyRevokeOptions>(environment);
  auto format = std::make_shared<std::string>("text");
  CLI::App* app = key.add_subcommand("revoke", "End secrets of a Key on a running network");
  app->footer(std::string(kFindsIts) + R"(
Examples:
  tdn key revoke demo/playground/phone --id 4k7m2q9xwd
  tdn key revoke demo/playground/phone               all of them)");
  app->add_option("name", flags->options.name, "tenant/project/key")->type_name("NAME")->required();
  app->add_option("--id", flags->options.id, "Of one secret, as `tdn get keys` shows it")
      ->type_name("ID");
  add_format(*app, *format, {"text", "json"});
  add_where(*app, flags->command.where);
  return finish_as<cli::KeyRevokeOptions>(app, flags,
                                          [format](cli::KeyRevokeOptions& options) -> Result<void> {
                                            options.json = *format == "json";
                                            return {};
                                          });
}

struct SiteWord {
  const char* command;
  const char* does;
  const char* footer;
};

constexpr std::array<SiteWord, 3> kSiteWords{{
    {"drain", "Take a site out of service: nothing new, open streams end, clients move elsewhere",
     R"(As cordon; besides, its clients' connections are closed after their answers and /readyz of its edge says
so, so that whatever steers them sends them elsewhere.
)"},
    {"cordon", "Let a site serve nothing new; its own clients are served elsewhere",
     R"(Routing chooses it no more, and its edge takes nothing from other edges. What is open goes on.
)"},
    {"uncordon", "Put a site that was drained or cordoned back into service", ""},
}};

Declared declare_site_state(CLI::App& site, const Environment& environment, const SiteWord& word) {
  auto flags = new_flags<cli::SiteStateOptions>(environment);
  auto format = std::make_shared<std::string>("text");
  flags->options.command = word.command;
  CLI::App* app = site.add_subcommand(word.command, word.does);
  app->footer(std::string(word.footer) + kFindsIts +
              fmt::format("\nExample:\n  tdn site {} frankfurt", word.command));
  app->add_option("name", flags->options.name, "The site")->type_name("SITE")->required();
  add_format(*app, *format, {"text", "json"});
  add_where(*app, flags->command.where);
  return finish_as<cli::SiteStateOptions>(app, flags,
                                          [format](cli::SiteStateOptions& options) -> Result<void> {
                                            options.json = *format == "json";
                                            return {};
                                          });
}

CLI::App& declare_sites(CLI::App& root) {
  CLI::App* site =
      root.add_subcommand("site", "Sites of a running network, out of service and back");
  site->require_subcommand(1);
  site->footer(R"(Examples:
  tdn site drain frankfurt          before work on its machines
  tdn get sites -o wide             who has taken note
  tdn site uncordon frankfurt       back into service)");
  return *site;
}

Declared declare_usage(CLI::App& root, const Environment& environment) {
  auto flags = new_flags<cli::UsageOptions>(environment);
  auto format = std::make_shared<std::string>("table");
  CLI::App* app = root.add_subcommand("usage", "What was used and what it costs, from the books");
  app->footer(
      std::string(
          R"(Of a network it comes from control, and ends with how complete it is. The state folder of one edge is
read by itself.
)") + kFindsIts +
      R"(
Examples:
  tdn usage                                by model, of the network of `tdn up`
  tdn usage --by tenant,model --wait 5     with everything that was settled before now
  tdn usage --by endpoint -o json
  tdn usage --state DIR/sites/paris        one edge's own books)");
  app->add_option("--by", flags->options.by,
                  "tenant, project, key, model, site, endpoint, user or tag; several with commas")
      ->type_name("WHAT")
      ->capture_default_str();
  app->add_option("--wait", flags->options.wait_seconds,
                  "Ask edges to sync first, and wait so many seconds for them at most")
      ->check(CLI::Range(0, 60).description(""))
      ->type_name("SECONDS");
  add_format(*app, *format, {"table", "json"});
  add_where(*app, flags->command.where);
  return finish_as<cli::UsageOptions>(app, flags,
                                      [format](cli::UsageOptions& options) -> Result<void> {
                                        TDN_TRY_VOID(meter::parse_dimensions(options.by));
                                        options.json = *format == "json";
                                        return {};
                                      });
}

Declared declare_top(CLI::App& root, const Environment& environment) {
  auto flags = new_flags<cli::TopOptions>(environment);
  auto format = std::make_shared<std::string>("table");
  CLI::App* app =
      root.add_subcommand("top", "How a network is at this moment: sites, endpoints, load, speed");
  app->footer(std::string(R"(Live on a terminal until q or Ctrl-C.
)") + kFindsIts +
              R"(
Examples:
  tdn top --state ./network
  tdn top --once
  tdn top -o json                     once, for programs)");
  app->add_flag("--once", flags->options.once, "Print it once and end");
  app->add_option("--interval", flags->options.interval_seconds, "Seconds between two looks")
      ->check(CLI::Range(1, 3600).description(""))
      ->type_name("SECONDS")
      ->capture_default_str();
  add_format(*app, *format, {"table", "json"});
  add_where(*app, flags->command.where);
  return finish_as<cli::TopOptions>(app, flags, [format](cli::TopOptions& options) -> Result<void> {
    options.json = *format == "json";
    options.once = options.once || options.json;
    return {};
  });
}

}  // namespace

std::vector<Declared> declare_operator_commands(CLI::App& root, CLI::App& key,
                                                const Environment& environment) {
  std::vector<Declared> all{
      declare_apply(root, environment),    declare_get(root, environment),
      declare_describe(root, environment), declare_delete(root, environment),
      declare_usage(root, environment),    declare_top(root, environment),
      declare_key_issue(key, environment), declare_key_revoke(key, environment)};
  CLI::App& site = declare_sites(root);
  for (const SiteWord& word : kSiteWords) {
    all.push_back(declare_site_state(site, environment, word));
  }
  return all;
}

}  // namespace tdn::app
