#include "app/command_line.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace tdn::app {
namespace {

using Words = std::vector<std::string>;

Command parse(const Words& words) {
  return parse_command_line(words, {.where = {.state = "/state", .contexts_file = "/contexts"}});
}

template <class T>
T parsed(const Words& words) {
  const Command command = parse(words);
  if (const auto* told = std::get_if<ToldCommand>(&command)) {
    ADD_FAILURE() << told->text;
  }
  return std::get<T>(command);
}

// The one line that wrong use is told by.
std::string refused(const Words& words) {
  const auto told = std::get<ToldCommand>(parse(words));
  EXPECT_EQ(told.status, 2);
  EXPECT_EQ(std::count(told.text.begin(), told.text.end(), '\n'), 1) << told.text;
  EXPECT_TRUE(told.text.starts_with("tdn: ")) << told.text;
  return told.text;
}

std::string help(const Words& words) {
  const auto told = std::get<ToldCommand>(parse(words));
  EXPECT_EQ(told.status, 0);
  return told.text;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(CommandLine, UpTakesAScenarioByNameOrFile) {
  const auto up = parsed<UpCommand>({"up", "--scenario", "planet-twelve"});
  EXPECT_EQ(up.scenario, "planet-twelve");
  EXPECT_FALSE(up.simulated);
  EXPECT_TRUE(parsed<UpCommand>({"up", "--simulated", "--scenario", "a.yaml"}).simulated);
  EXPECT_EQ(parsed<UpCommand>({"up", "--simulated"}).scenario, "three");
  EXPECT_EQ(parsed<UpCommand>({"up", "--simulated", "--scenario", "none"}).scenario, "none");
  EXPECT_TRUE(has(refused({"up", "--scenario", "none"}), "--simulated"));
  EXPECT_TRUE(has(refused({"up", "--sites", "s.yaml"}), "--simulated"));
  EXPECT_TRUE(has(refused({"up", "--scenario", "three", "--sites", "s.yaml"}), "--sites"));
  EXPECT_TRUE(has(help({"up", "--help"}), "europe-six"));
}

TEST(CommandLine, ChaosSaysWhatIsToBreakWhereAndByHowMuch) {
  const auto kill = parsed<ChaosCommand>({"chaos", "kill", "paris", "--state", "here"});
  EXPECT_EQ(kill.options.request.harm, local::Harm::kKill);
  EXPECT_EQ(kill.options.request.target, "paris");
  EXPECT_EQ(kill.where.state, "here");
  EXPECT_FALSE(kill.options.list);
  const auto slow = parsed<ChaosCommand>({"chaos", "slow", "paris-frankfurt", "--ms", "200"});
  EXPECT_EQ(slow.options.request.added, std::chrono::milliseconds(200));
  const auto heal = parsed<ChaosCommand>({"chaos", "heal"});
  EXPECT_FALSE(heal.options.request.harm.has_value());
  EXPECT_EQ(heal.options.request.target, "");
  const auto list = parsed<ChaosCommand>({"chaos", "list", "-o", "json"});
  EXPECT_TRUE(list.options.list);
  EXPECT_TRUE(list.options.json);
  for (const char* verb : {"pause", "cut", "reset"}) {
    const auto one = parsed<ChaosCommand>({"chaos", verb, "paris"});
    EXPECT_EQ(to_string(*one.options.request.harm), verb);
  }
  EXPECT_TRUE(has(refused({"chaos", "slow", "paris"}), "--ms"));
  EXPECT_TRUE(has(refused({"chaos", "kill"}), "target"));
  EXPECT_TRUE(has(refused({"chaos", "bend", "paris"}), "bend"));
}

TEST(CommandLine, WanNeedsItsLinks) {
  const auto wan = parsed<WanCommand>({"wan", "--config", "links.yaml", "--ready-file", "r"});
  EXPECT_EQ(wan.config_file, "links.yaml");
  EXPECT_EQ(wan.ready_file, "r");
  EXPECT_TRUE(has(refused({"wan"}), "--config"));
}

TEST(CommandLine, UpHasADefaultForEverythingButTheModel) {
  const auto up = parsed<UpCommand>({"up", "--simulated"});
  EXPECT_EQ(up.model_file, "");
  EXPECT_EQ(up.state, "/state");
  EXPECT_EQ(up.ports.first, 8080);
  EXPECT_EQ(up.ready_file, "");
  EXPECT_EQ(up.shards, 1);
  EXPECT_EQ(up.sites_file, "");
  EXPECT_EQ(parsed<UpCommand>({"up", "--simulated", "--sites", "s.yaml"}).sites_file, "s.yaml");
}

TEST(CommandLine, UpTakesItsFlagsInEitherSpelling) {
  const auto up = parsed<UpCommand>(
      {"up", "--model=m.gguf", "--state", "here", "--ports", "auto", "--ready-file", "r"});
  EXPECT_EQ(up.model_file, "m.gguf");
  EXPECT_EQ(up.state, "here");
  EXPECT_EQ(up.ports.first, 0);
  EXPECT_EQ(up.ready_file, "r");
}

TEST(CommandLine, UpWantsNotBothOfModelAndSimulated) {
  // Whether one is needed is the scenario's to say; without one it certainly is.
  EXPECT_TRUE(has(refused({"up", "--scenario", "none"}), "give --model FILE or --simulated"));
  EXPECT_TRUE(has(refused({"up", "--model", "m", "--simulated"}), "--simulated"));
  EXPECT_TRUE(has(refused({"up", "--simulated", "--ports", "x"}), "give auto, or the first port"));
}

TEST(CommandLine, EdgeListensOnLoopbackAndNowhereElse) {
  const Words base = {"edge", "--manifests", "m", "--state", "s"};
  const auto listening = [&](const std::string& address) {
    Words words = base;
    words.insert(words.end(), {"--listen", address});
    return words;
  };
  EXPECT_EQ(to_string(parsed<EdgeCommand>(base).listen), "127.0.0.1:8080");
  EXPECT_EQ(to_string(parsed<EdgeCommand>(listening("[::1]:1")).listen), "[::1]:1");
  EXPECT_TRUE(has(refused(listening("0.0.0.0:8080")), "only loopback addresses"));
  EXPECT_TRUE(has(refused(listening("192.168.1.1:80")), "no encryption"));
  EXPECT_TRUE(has(refused(listening("localhost")), "--listen 'localhost'"));
  Words admin = base;
  admin.insert(admin.end(), {"--admin", "[::]:9"});
  EXPECT_TRUE(has(refused(admin), "--admin [::]:9: only loopback"));
}

TEST(CommandLine, EdgeReachesItsPeersWhereItIsTold) {
  const Words base = {"edge", "--manifests", "m", "--state", "s"};
  EXPECT_EQ(parsed<EdgeCommand>(base).peers, std::nullopt);
  const auto with = [&](const Words& more) {
    Words words = base;
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const auto edge = parsed<EdgeCommand>(with(
      {"--peers", "127.0.0.1:8083", "--dial", "paris=127.0.0.1:8183", "--dial", "oslo=[::1]:9"}));
  EXPECT_EQ(to_string(edge.peers.value()), "127.0.0.1:8083");
  EXPECT_EQ(edge.dial.size(), 2U);
  EXPECT_EQ(to_string(edge.dial.at("paris")), "127.0.0.1:8183");
  const auto dialling = [&](const Words& dial) {
    Words words = with({"--peers", "127.0.0.1:8083"});
    words.insert(words.end(), dial.begin(), dial.end());
    return refused(words);
  };
  EXPECT_TRUE(has(dialling({"--dial", "paris"}), "such as paris=127.0.0.1:8183"));
  EXPECT_TRUE(has(dialling({"--dial", "paris=10.0.0.1:1"}), "only loopback addresses"));
  EXPECT_TRUE(has(dialling({"--dial", "a=127.0.0.1:1", "--dial", "a=127.0.0.1:2"}), "twice"));
  EXPECT_TRUE(has(refused(with({"--dial", "paris=127.0.0.1:1"})), "--peers"));
  EXPECT_TRUE(has(refused(with({"--peers", "0.0.0.0:1"})), "only loopback addresses"));
}

TEST(CommandLine, TheSizeOfTheJournalsFilesHasBounds) {
  const Words base = {"edge", "--manifests", "m", "--state", "s", "--segment-mib"};
  const auto sized = [&](const std::string& size) {
    Words words = base;
    words.push_back(size);
    return words;
  };
  EXPECT_EQ(parsed<EdgeCommand>(sized("1")).segment_mib, 1);
  EXPECT_TRUE(has(refused(sized("0")), "--segment-mib"));
  EXPECT_TRUE(has(refused(sized("1025")), "--segment-mib"));
  EXPECT_EQ(parsed<EdgeCommand>(sized("1")).stall_seconds, 30);
  EXPECT_TRUE(has(refused({"edge", "--manifests", "m", "--state", "s", "--stall-seconds", "0"}),
                  "--stall-seconds"));
}

TEST(CommandLine, EdgesAdminPortFollowsItsGatewayToAnyFreeOne) {
  Words words = {"edge", "--manifests", "m", "--state", "s"};
  EXPECT_EQ(to_string(parsed<EdgeCommand>(words).admin), "127.0.0.1:8081");
  words.insert(words.end(), {"--listen", "127.0.0.1:0"});
  EXPECT_EQ(to_string(parsed<EdgeCommand>(words).admin), "127.0.0.1:0");
  words.insert(words.end(), {"--admin", "127.0.0.1:7"});
  EXPECT_EQ(to_string(parsed<EdgeCommand>(words).admin), "127.0.0.1:7");
}

TEST(CommandLine, EdgeNamesTheFlagThatIsMissing) {
  EXPECT_TRUE(
      has(refused({"edge", "--state", "s"}), "give --manifests, to serve alone, or --control"));
  EXPECT_TRUE(has(refused({"edge", "--manifests", "m"}), "--state is required"));
}

TEST(CommandLine, EdgeJoinsANetworkByControlKeyAndSecret) {
  const std::string key = "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=";
  const auto words = [&](const std::string& control, const std::string& control_key) {
    return Words{"edge",  "--state",       "s",         "--site",        "paris",   "--control",
                 control, "--control-key", control_key, "--node-secret", "p.secret"};
  };
  const auto edge = parsed<EdgeCommand>(words("http://127.0.0.1:8090", key));
  EXPECT_EQ(edge.control, "http://127.0.0.1:8090");
  EXPECT_EQ(edge.control_key[0], 0x8a);
  EXPECT_EQ(edge.node_secret_file, "p.secret");
  EXPECT_EQ(edge.site, "paris");
  EXPECT_TRUE(has(refused(words("http://10.0.0.1:8090", key)), "not built yet"));
  EXPECT_TRUE(has(refused(words("http://127.0.0.1:8090/x", key)), "http://127.0.0.1:PORT"));
  EXPECT_TRUE(has(refused(words("http://127.0.0.1:8090", "abc")), "44 characters"));
  Words both = words("http://127.0.0.1:8090", key);
  both.insert(both.end(), {"--manifests", "m"});
  EXPECT_TRUE(has(refused(both), "--manifests"));
  EXPECT_TRUE(has(refused({"edge", "--state", "s", "--control", "http://127.0.0.1:1"}),
                  "--control requires"));
  EXPECT_TRUE(has(refused({"edge", "--state", "s", "--manifests", "m", "--node-secret", "f"}),
                  "--control"));
}

TEST(CommandLine, EngineAndItsQuantizeAreDifferentCommands) {
  const auto engine = parsed<EngineCommand>({"engine", "--model", "m.gguf", "--parallel", "4"});
  EXPECT_EQ(engine.llama.model_path, "m.gguf");
  EXPECT_EQ(engine.llama.slots, 4);
  EXPECT_EQ(to_string(engine.listen), "127.0.0.1:8082");
  const auto quantize = parsed<QuantizeCommand>({"engine", "quantize", "a", "b"});
  EXPECT_EQ(quantize.from, "a");
  EXPECT_EQ(quantize.to, "b");
  EXPECT_TRUE(has(refused({"engine", "quantize", "a"}), "see `tdn engine quantize --help`"));
  EXPECT_TRUE(has(refused({"engine"}), "give --model FILE or --simulated"));
}

TEST(CommandLine, SimGatewayTakesSeedsAndAPlantedBug) {
  EXPECT_EQ(parsed<SimGatewayCommand>({"sim", "gateway"}).options.seeds, 1000U);
  const auto command = parsed<SimGatewayCommand>(
      {"sim", "gateway", "--seeds", "1", "--seed", "42", "--planted", "release-before-sync"});
  EXPECT_EQ(command.options.first_seed, 42U);
  EXPECT_EQ(command.options.bug, books::PlantedBug::kReleaseBeforeSync);
  EXPECT_TRUE(has(refused({"sim", "gateway", "--planted", "none-such"}), "release-before-sync"));
}

TEST(CommandLine, SimNetworkTakesSeedsAndAPlantedBug) {
  const auto command =
      parsed<SimNetworkCommand>({"sim", "network", "--seeds", "3", "--planted", "ack-before-commit",
                                 "--trace", "--scenario", "planet-twelve"});
  EXPECT_EQ(command.options.seeds, 3U);
  EXPECT_EQ(command.options.scenario, "planet-twelve");
  EXPECT_TRUE(command.options.print_trace);
  EXPECT_EQ(command.options.bug, sim::NetworkBug::kAckBeforeCommit);
  EXPECT_TRUE(has(refused({"sim", "network", "--planted", "none-such"}), "token-twice"));
}

TEST(CommandLine, KeyNewTakesANameAndAFormat) {
  EXPECT_EQ(parsed<KeyNewCommand>({"key", "new"}).options.name, "");
  const auto key = parsed<KeyNewCommand>({"key", "new", "a/b/c", "-o", "json"});
  EXPECT_EQ(key.options.name, "a/b/c");
  EXPECT_TRUE(key.options.json);
  EXPECT_TRUE(has(refused({"key", "new", "-o", "xml"}), "xml"));
  EXPECT_TRUE(has(refused({"key"}), "see `tdn key --help`"));
}

TEST(CommandLine, UsageGroupsByWhatIsNamed) {
  const auto plain = parsed<OperatorCommand>({"usage"});
  EXPECT_EQ(std::get<cli::UsageOptions>(plain.what).by, "model");
  EXPECT_EQ(plain.where.state, "");
  EXPECT_EQ(plain.defaults.state, "/state");
  const auto usage = parsed<OperatorCommand>(
      {"usage", "--state", "s", "--by", "tenant,endpoint", "-o", "json", "--wait", "5"});
  EXPECT_EQ(std::get<cli::UsageOptions>(usage.what).by, "tenant,endpoint");
  EXPECT_TRUE(std::get<cli::UsageOptions>(usage.what).json);
  EXPECT_EQ(std::get<cli::UsageOptions>(usage.what).wait_seconds, 5);
  EXPECT_EQ(usage.where.state, "s");
  EXPECT_TRUE(has(refused({"usage", "--by", "colour"}), "colour"));
}

TEST(CommandLine, RequestsListsTheLastOfASite) {
  const auto plain = parsed<RequestsCommand>({"requests"});
  EXPECT_EQ(plain.options.state, "/state");
  EXPECT_EQ(plain.options.last, 20U);
  const auto some =
      parsed<RequestsCommand>({"requests", "--site", "paris", "-n", "3", "-o", "json"});
  EXPECT_EQ(some.options.site, "paris");
  EXPECT_EQ(some.options.last, 3U);
  EXPECT_EQ(some.options.format, cli::Format::kJson);
  EXPECT_TRUE(has(refused({"requests", "-n", "0"}), "see `tdn requests --help`"));
}

TEST(CommandLine, ExplainTakesAnIdABodyOrAModel) {
  const auto id =
      parsed<ExplainCommand>({"explain", "0192f0c0-a000-7000-8000-000000000001", "--attempt", "0"});
  ASSERT_TRUE(id.recorded.has_value());
  EXPECT_EQ(id.recorded->state, "/state");
  EXPECT_EQ(id.recorded->attempt, 0U);
  const auto body = parsed<ExplainCommand>({"explain", "-", "--location", "DE", "-o", "json"});
  EXPECT_FALSE(body.recorded.has_value());
  EXPECT_EQ(body.body_file, "-");
  EXPECT_EQ(body.location, "DE");
  EXPECT_TRUE(body.json);
  EXPECT_EQ(body.gateway, "") << "that of the network in --state";
  EXPECT_EQ(parsed<ExplainCommand>({"explain", "-m", "m", "--site", "paris"}).site, "paris");
  EXPECT_EQ(parsed<ExplainCommand>({"explain", "-m", "m", "--prompt", "Hi"}).prompt, "Hi");
  EXPECT_TRUE(has(refused({"explain"}), "say what to explain"));
  EXPECT_TRUE(has(refused({"explain", "--prompt", "Hi"}), "--prompt needs -m MODEL"));
  EXPECT_TRUE(has(refused({"explain", "b.json", "-m", "m"}), "either a body or -m"));
}

TEST(CommandLine, ApplyTakesSeveralFilesAndStandardInput) {
  const auto apply = parsed<OperatorCommand>({"apply", "-f", "a.yaml", "-f", "-", "--dry-run"});
  const auto& options = std::get<cli::ApplyOptions>(apply.what);
  EXPECT_EQ(options.files, (std::vector<std::string>{"a.yaml", "-"}));
  EXPECT_TRUE(options.dry_run);
  EXPECT_TRUE(has(refused({"apply"}), "--filename is required"));
}

TEST(CommandLine, GetTakesAKindInAnySpellingAndAName) {
  const auto all = parsed<OperatorCommand>({"get", "Sites", "-o", "wide"});
  EXPECT_EQ(std::get<cli::GetOptions>(all.what).object.kind.kind, domain::Kind::kSite);
  EXPECT_EQ(std::get<cli::GetOptions>(all.what).format, cli::Format::kWide);
  const auto one = parsed<OperatorCommand>({"get", "key/a/b/c"});
  EXPECT_EQ(std::get<cli::GetOptions>(one.what).object.name, "a/b/c");
  EXPECT_TRUE(has(refused({"get", "sits"}), "did you mean `site`?"));
  EXPECT_TRUE(has(refused({"get", "sites", "-o", "xml"}), "xml"));
  EXPECT_TRUE(has(refused({"describe", "site"}), "which site?"));
}

TEST(CommandLine, DeleteTakesEitherAnObjectOrFiles) {
  const auto one = parsed<OperatorCommand>({"delete", "zone", "eu"});
  EXPECT_EQ(std::get<cli::DeleteOptions>(one.what).object.name, "eu");
  EXPECT_EQ(std::get<cli::DeleteOptions>(parsed<OperatorCommand>({"delete", "-f", "x.yaml"}).what)
                .files.at(0),
            "x.yaml");
  EXPECT_TRUE(has(refused({"delete"}), "either KIND NAME or -f FILE"));
  EXPECT_TRUE(has(refused({"delete", "zone", "eu", "-f", "x"}), "either KIND NAME or -f FILE"));
}

TEST(CommandLine, KeysAreIssuedAndRevokedByName) {
  const auto issue = parsed<OperatorCommand>({"key", "issue", "a/b/c", "-o", "json"});
  EXPECT_EQ(std::get<cli::KeyIssueOptions>(issue.what).name, "a/b/c");
  const auto revoke = parsed<OperatorCommand>({"key", "revoke", "a/b/c", "--id", "4k7m2q9xwd"});
  EXPECT_EQ(std::get<cli::KeyRevokeOptions>(revoke.what).id, "4k7m2q9xwd");
  EXPECT_TRUE(has(refused({"key", "issue"}), "name is required"));
}

TEST(CommandLine, SitesGoOutOfServiceAndBackByName) {
  for (const char* const word : {"drain", "cordon", "uncordon"}) {
    const auto site = parsed<OperatorCommand>({"site", word, "paris"});
    EXPECT_EQ(std::get<cli::SiteStateOptions>(site.what).command, word);
    EXPECT_EQ(std::get<cli::SiteStateOptions>(site.what).name, "paris");
  }
  EXPECT_TRUE(has(refused({"site", "drain"}), "name is required"));
}

TEST(CommandLine, TopIsLiveUnlessAProgramAsks) {
  const auto live = std::get<cli::TopOptions>(parsed<OperatorCommand>({"top"}).what);
  EXPECT_FALSE(live.once);
  EXPECT_EQ(live.interval_seconds, 1);
  const auto json = std::get<cli::TopOptions>(parsed<OperatorCommand>({"top", "-o", "json"}).what);
  EXPECT_TRUE(json.once);
  EXPECT_TRUE(json.json);
  EXPECT_TRUE(has(refused({"top", "--interval", "0"}), "--interval"));
}

TEST(CommandLine, ANetworkIsFoundInOneWayAtATime) {
  const auto far = parsed<OperatorCommand>(
      {"get", "sites", "--control", "http://127.0.0.1:9", "--token-file", "t"});
  EXPECT_EQ(far.where.control, "http://127.0.0.1:9");
  EXPECT_EQ(far.where.token_file, "t");
  EXPECT_EQ(parsed<OperatorCommand>({"get", "sites", "--context", "lab"}).where.context, "lab");
  EXPECT_EQ(far.defaults.contexts_file, "/contexts");
  EXPECT_TRUE(has(refused({"get", "sites", "--state", "s", "--context", "c"}), "excludes"));
  EXPECT_TRUE(has(refused({"get", "sites", "--token-file", "t"}), "--control"));
}

TEST(CommandLine, JournalDumpsOrChecksAFolder) {
  EXPECT_FALSE(parsed<JournalCommand>({"journal", "dump", "d"}).check);
  const auto check = parsed<JournalCommand>({"journal", "check", "d"});
  EXPECT_TRUE(check.check);
  EXPECT_EQ(check.folder, "d");
  EXPECT_TRUE(has(refused({"journal", "check"}), "see `tdn journal check --help`"));
}

TEST(CommandLine, WrongUseSaysWhereToLook) {
  EXPECT_TRUE(has(refused({}), "see `tdn --help`"));
  EXPECT_TRUE(has(refused({"fly"}), "there is no command 'fly'"));
  EXPECT_TRUE(has(refused({"up", "--simulated", "--no-such"}), "there is no --no-such here"));
  EXPECT_TRUE(has(refused({"edge", "--no-such", "3"}), "there is no --no-such here"));
  EXPECT_TRUE(has(refused({"--no-such"}), "there is no --no-such here"));
  EXPECT_TRUE(has(refused({"up", "--simulated", "--shards", "0"}), "see `tdn up --help`"));
}

TEST(CommandLine, EveryHelpTeachesByItsOwnExample) {
  const std::vector<Words> commands = {{},
                                       {"up"},
                                       {"edge"},
                                       {"engine"},
                                       {"engine", "quantize"},
                                       {"key"},
                                       {"key", "new"},
                                       {"key", "issue"},
                                       {"key", "revoke"},
                                       {"apply"},
                                       {"get"},
                                       {"describe"},
                                       {"delete"},
                                       {"usage"},
                                       {"requests"},
                                       {"explain"},
                                       {"top"},
                                       {"journal"},
                                       {"journal", "check"},
                                       {"sim"},
                                       {"sim", "gateway"},
                                       {"journal", "dump"}};
  for (Words words : commands) {
    const std::string example = fmt::format("  tdn {} ", fmt::join(words, " "));
    words.emplace_back("--help");
    const std::string text = help(words);
    EXPECT_TRUE(has(text, "Example")) << text;
    EXPECT_TRUE(has(text, words.size() == 1 ? "  tdn up " : example)) << text;
  }
}

TEST(CommandLine, HelpNamesDefaultsAndWhatIsRequired) {
  EXPECT_TRUE(has(help({"up", "--help"}), "(default 8080)")) << help({"up", "--help"});
  EXPECT_TRUE(has(help({"edge", "--help"}),
                  "Folder of its books and identities; made if missing (required)"));
}

TEST(CommandLine, VersionIsACommandAndAFlag) {
  EXPECT_EQ(help({"version"}), help({"--version"}));
  EXPECT_TRUE(help({"version"}).starts_with("tdn "));
}

TEST(CommandLine, ControlWantsAStateFolderAndListensOnLoopbackOnly) {
  const auto control = parsed<ControlCommand>({"control", "--state", "c"});
  EXPECT_EQ(control.state, "c");
  EXPECT_EQ(to_string(control.listen), "127.0.0.1:8090");
  EXPECT_EQ(control.nodes_file, "");
  EXPECT_FALSE(control.new_epoch);
  const auto other =
      parsed<ControlCommand>({"control", "--state", "c", "--listen", "127.0.0.1:0", "--nodes",
                              "n.json", "--ready-file", "r", "--new-epoch", "--valid-for", "60"});
  EXPECT_EQ(other.listen.port, 0);
  EXPECT_EQ(other.nodes_file, "n.json");
  EXPECT_EQ(other.ready_file, "r");
  EXPECT_TRUE(other.new_epoch);
  EXPECT_EQ(other.valid_for_s, 60U);
  EXPECT_EQ(control.valid_for_s, 86'400U);
  EXPECT_TRUE(has(refused({"control"}), "--state"));
  EXPECT_TRUE(has(refused({"control", "--state", "c", "--listen", "0.0.0.0:8090"}), "loopback"));
  EXPECT_TRUE(has(help({"control", "--help"}), "operator-token"));
}

}  // namespace
}  // namespace tdn::app
