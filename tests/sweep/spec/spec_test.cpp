#include "sweep/spec/spec.h"

#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"

namespace crosslaw::sweep {
namespace {

using tests::message_of;
using tests::SmallSweep;

std::string message_after(const std::string& from, const std::string& to) {
  SmallSweep sweep;
  sweep.edit(from, to);
  return message_of([&] { corpus_options(read_spec(sweep.spec), "data"); });
}

}  // namespace

TEST_CASE("the shipped presets are read and mean the same after being written out") {
  for (const char* file :
       {"sweep/presets/demo.toml", "sweep/presets/paper.toml", "sweep/presets/transfer.toml"}) {
    SweepSpec spec = read_spec(file);
    tests::TempFolder folder;
    std::string resolved = to_toml(spec);
    SweepSpec again = read_spec(folder.write("spec.toml", resolved));
    CHECK(to_toml(again) == resolved);
  }
}

TEST_CASE("defaults are filled in and paths are relative to the spec") {
  SmallSweep sweep;
  SweepSpec spec = read_spec(sweep.spec);
  CHECK(spec.seeds == std::vector<int64_t>{1});
  CHECK(spec.tokenizer == "bytes");
  CHECK(spec.ladder == sweep.folder / "ladder.csv");
  CHECK(spec.strategy("continued")->replay == std::vector<double>{0.0});
  CHECK(spec.train.batch_tokens.size() == 1);
  CHECK_FALSE(spec.train.deterministic);
  CHECK(corpus_options(spec, "data").languages.at(1).train.at(0) ==
        sweep.folder / "fr.train.jsonl");
}

TEST_CASE("unknown keys are errors with line, column and a guess") {
  CHECK_THAT(message_after("name", "name"), has_text("nothing was thrown"));
  CHECK_THAT(message_after("evaluations = 3", "evalutions = 3"),
             has_text("small.toml:24:1: train.evalutions: unknown key; did you mean evaluations?"));
  CHECK_THAT(message_after("[launch]", "[lanch]"),
             has_text("lanch: unknown key; did you mean launch?"));
  CHECK_THAT(message_after("from = \"source\"", "form = \"source\""),
             has_text("strategy.form: unknown key; did you mean from?"));
  CHECK_THAT(message_after("valid_tokens = 1024", "valid_tokens = 1024\nzzz = 1"),
             has_text("data.zzz: unknown key; known here:"));
}

TEST_CASE("wrong types say what was expected and what was found") {
  CHECK_THAT(message_after("context = 32", "context = \"32\""),
             has_text("data.context: expected a whole number, found the text \"32\""));
  CHECK_THAT(message_after("context = 32", "context = 32.5"), has_text("found the number 32.5"));
  CHECK_THAT(message_after("tied_head = true", "tied_head = 1"),
             has_text("expected true or false, found the number 1"));
  CHECK_THAT(message_after("[2, 4]", "2"),
             has_text("budget.tokens_per_param: expected an array of numbers"));
  CHECK_THAT(message_after("[2, 4]", "[2, \"4\"]"),
             has_text("expected numbers, found the text \"4\""));
  CHECK_THAT(message_after("name = \"small\"", "name = 3"),
             has_text("small.toml:1:1: name: expected text in quotes"));
  CHECK_THAT(message_after("name = \"small\"", "name = \"../up\""), has_text("made of letters"));
}

TEST_CASE("GPUs of a run are a number, tiers by size or auto, and what a queue was asked for") {
  tests::SmallSweep sweep;
  auto launch_of = [&](const std::string& lines) {
    std::string text = tests::read_file(sweep.spec);
    const std::string device = "devices = \"cpu\"\n";
    text.replace(text.find(device), device.size(), lines);
    return read_spec(sweep.folder.write("gpus.toml", text)).launch;
  };
  CHECK(launch_of("").gpus_per_run.front().gpus == 1);
  CHECK(launch_of("gpus_per_run = 4\n").gpus_per_run.front().gpus == 4);
  CHECK(launch_of("gpus_per_run = \"auto\"\n").gpus_per_run.empty());
  const LaunchSpec tiers = launch_of(
      "gpus_per_run = [{below_params = 1e9, gpus = 1}, {gpus = 8}]\nbackend = \"slurm\"\n");
  REQUIRE(tiers.gpus_per_run.size() == 2);
  CHECK(tiers.gpus_per_run[0].below_params == 1e9);
  CHECK(tiers.gpus_per_run[1].gpus == 8);
  CHECK(tiers.queue.gpus == 8);
  CHECK(launch_of("backend = \"slurm\"\nnodes = 2\ngpus = 4\n").gpus_per_run.front().gpus == 8);
  CHECK(launch_of("backend = \"slurm\"\n").gpus_per_run.front().gpus == 1);
  auto error = [&](const std::string& lines) { return message_of([&] { launch_of(lines); }); };
  CHECK_THAT(error("gpus_per_run = \"most\"\n"), has_text("a number, \"auto\" or tiers by size"));
  CHECK_THAT(error("gpus_per_run = 0\n"), has_text("at least 1, found 0"));
  CHECK_THAT(error("gpus_per_run = [{below_params = 1e9, gpus = 1}]\n"),
             has_text("closed by an entry without below_params"));
  CHECK_THAT(error("backend = \"slurm\"\ngpus = 4\ngpus_per_run = 6\n"),
             has_text("at most gpus = 4, those of a node, or a multiple of it; found 6"));
  CHECK_THAT(error("backend = \"slurm\"\nnodes = 2\ngpus_per_run = 8\n"),
             has_text("left out beside gpus_per_run"));
}

TEST_CASE("values out of range name the bound") {
  CHECK_THAT(message_after("[2, 4]", "[0]"),
             has_text("budget.tokens_per_param: must be positive, found 0"));
  CHECK_THAT(message_after("[2, 4]", "[]"), has_text("an array with at least one number"));
  CHECK_THAT(message_after("context = 32", "context = 1"), has_text("at least 2 tokens"));
  CHECK_THAT(message_after("vocabulary = 256", "vocabulary = 100"),
             has_text("given 256 tokens by ladder.vocabulary"));
  CHECK_THAT(message_after("vocabulary = 256", "vocabulary = 3e9"),
             has_text("ladder.vocabulary: must be 2 to 2147483647, found 3000000000"));
  CHECK_THAT(message_after("valid_tokens = 1024", "valid_tokens = 8"),
             has_text("at least one context of 32 tokens"));
  CHECK_THAT(message_after("schedule = \"wsd\"", "schedule = \"linear\""),
             has_text("must be cosine or wsd, found linear"));
  CHECK_THAT(message_after("learning_rate_times_hidden = 0.2", ""),
             has_text("train.peak_learning_rate: must be a positive number, or else "
                      "learning_rate_times_hidden"));
  CHECK_THAT(message_after("devices = \"cpu\"", "backend = \"slum\""),
             has_text("launch.backend: must be local, slurm or command, found slum"));
  CHECK_THAT(
      message_after("batch_tokens = 256", "batch_tokens = [{below_params = 10, tokens = 256}]"),
      has_text("closed by an entry without below_params"));
}

TEST_CASE("bases, replay shares and what is measured of the source are read and written out") {
  SmallSweep sweep;
  sweep.edit("from = \"source\"",
             "from = \"source\"\nreplay = [0.0, 0.01, 0.05, 0.1, 0.2, 0.5]\n"
             "from_tokens_per_param = [3, 1]\nfrom_phase = \"stable\"");
  SweepSpec spec = read_spec(sweep.spec);
  CHECK(spec.strategy("continued")->replay.size() == 6);
  CHECK(spec.strategy("continued")->base_tokens_per_param == std::vector<double>{1, 3});
  CHECK(spec.strategy("continued")->base_phase == BasePhase::kStable);
  SweepSpec again = read_spec(sweep.folder.write("again.toml", to_toml(spec)));
  CHECK(to_toml(again) == to_toml(spec));
  CHECK_THAT(message_after("from = \"source\"", "from = \"source\"\nreplay = [0.1, 0.1]"),
             has_text("replay: must be an array of different shares"));
  CHECK_THAT(message_after("evaluations = 3", "evaluations = 3\nsource_valid_tokens = -1"),
             has_text("source_valid_tokens: must be at least 0, found -1"));
}

TEST_CASE("values that no run would obey are refused, and the resolved spec is read") {
  tests::SmallSweep sweep;
  const std::string good = tests::SmallSweep::spec_text();
  const auto refusal = [&](const std::string& before, const std::string& after) {
    std::string text = good;
    text.replace(text.find(before), before.size(), after);
    const auto file = sweep.folder.write("idle.toml", text);
    return tests::message_of(
        [&] { read_spec(sweep.folder.write("w.toml", to_toml(read_spec(file)))); });
  };
  const std::string nothing = "(nothing was thrown)", schedule = "schedule = \"wsd\"";
  CHECK(refusal(schedule, "schedule = \"cosine\"\nfinal_learning_rate = 0.2") == nothing);
  CHECK(refusal(schedule, schedule + "\ncooldown_fraction = 0.3") == nothing);
  CHECK_THAT(refusal(schedule, "schedule = \"cosine\"\ncooldown_fraction = 0.9"),
             has_text("train.cooldown_fraction") && has_text("has no cooldown"));
  CHECK_THAT(refusal(schedule, schedule + "\nfinal_learning_rate = 0.3"),
             has_text("train.final_learning_rate"));
  const std::string devices = "devices = \"cpu\"";
  for (const char* line :
       {"gpus_per_run = 4", "runs_per_gpu = 2", "gpu_memory_gb = 40.0", "share_gpus = true",
        "gpus_per_run = [{below_params = 1e9, gpus = 1}, {gpus = 2}]"}) {
    INFO(line);
    CHECK_THAT(refusal(devices, devices + "\n" + line), has_text("no run uses a GPU"));
    CHECK(refusal(devices, "devices = \"auto\"\n" + std::string(line)) == nothing);
  }
  for (const char* line : {"partition = \"long\"", "time_limit = \"1:00:00\"", "max_jobs = 3",
                           "options = [\"--exclusive\"]"}) {
    INFO(line);
    CHECK_THAT(refusal(devices, devices + "\n" + line), has_text("no queue is asked"));
    CHECK(refusal(devices, "backend = \"slurm\"\n" + std::string(line)) == nothing);
  }
  CHECK_THAT(refusal("[train]", "[data.language.de]\ntrain = [\"a\"]\nvalid = [\"b\"]\n[train]"),
             has_text("no [[strategy]] trains on data.language.de"));
}

TEST_CASE(
    "a misspelt key that is required, and a misspelt tokenizer, are named with what was meant") {
  tests::SmallSweep sweep;
  const auto refusal = [&](const std::string& before, const std::string& after) {
    std::string text = tests::SmallSweep::spec_text();
    text.replace(text.find(before), before.size(), after);
    return tests::message_of([&] { read_spec(sweep.folder.write("small.toml", text)); });
  };
  CHECK_THAT(refusal("batch_tokens", "batch_token"),
             has_text("train.batch_token: unknown key; did you mean batch_tokens?"));
  CHECK_THAT(refusal("vocabulary", "vocabluary"), has_text("did you mean vocabulary?"));
  CHECK_THAT(refusal("tokens_per_param = [2, 4]", "tokens_per_parm = [2, 4]"),
             has_text("budget.tokens_per_parm: unknown key; did you mean tokens_per_param?"));
  CHECK_THAT(refusal("tokens_per_param = [2, 4]", "flop = [1e9]"), has_text("did you mean flops?"));
  CHECK_THAT(refusal("learning_rate_times_hidden", "learning_rate_times_hiden"),
             has_text("did you mean learning_rate_times_hidden?"));
  // A key of its own is no misspelling of one that is missing, however near.
  CHECK_THAT(refusal("learning_rate_times_hidden = 0.2", "final_learning_rate = 0.1"),
             has_text("train.peak_learning_rate: must be a positive number"));
  CHECK_THAT(refusal("context", "tokenizer = \"trian:512\"\ncontext"),
             has_text("data.tokenizer") && has_text("did you mean \"train:512\"?"));
  CHECK_THAT(refusal("context", "tokenizer = \"byte\"\ncontext"),
             has_text("did you mean \"bytes\"?"));
}

TEST_CASE("strategies must have a language, a parent that exists and no cycle") {
  CHECK_THAT(message_after("language = \"en\"", "language = \"de\""),
             has_text("there is no [data.language.de]"));
  CHECK_THAT(message_after("from = \"source\"", "from = \"sauce\""),
             has_text("continued: from = \"sauce\", but there is no strategy of that name"));
  CHECK_THAT(message_after("name = \"source\"\nlanguage = \"en\"",
                           "name = \"source\"\nlanguage = \"en\"\nfrom = \"continued\""),
             has_text("a cycle: source from continued from source"));
  CHECK_THAT(message_after("name = \"scratch\"", "name = \"source\""),
             has_text("source is there twice"));
  CHECK_THAT(message_after("from = \"source\"", "from = \"scratch\""),
             has_text("continues scratch in the same language fr"));
  CHECK_THAT(message_after("from = \"source\"", "replay = [0.1]"),
             has_text("there is no source language"));
  CHECK_THAT(message_after("from = \"source\"", "from = \"source\"\nreplay = [1.0]"),
             has_text("in [0, 1), found 1"));
}

TEST_CASE("missing files and broken TOML are named") {
  CHECK_THAT(message_after("fr.train.jsonl", "none*.jsonl"),
             has_text("data.language.fr.train: no file matches"));
  CHECK_THAT(message_after("[ladder]", "[ladder"), has_text("small.toml:2:"));
  CHECK_THAT(message_of([] { read_spec("/nowhere/a.toml"); }),
             has_text("/nowhere/a.toml: there is no such spec file"));
  CHECK_THAT(message_of([] { read_spec("/tmp"); }), has_text("there is no such spec file"));
}

}  // namespace crosslaw::sweep
