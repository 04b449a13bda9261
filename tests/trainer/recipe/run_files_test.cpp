#include "trainer/recipe/run_files.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "db/files/checked_json.h"
#include "db/files/content_hash.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {
namespace {

using tests::TempFolder;

struct Collected {
  std::vector<EvalLine> evals;
  std::vector<TrainLines> trains;
  std::vector<CheckpointLine> checkpoints;
  int64_t damaged = 0;

  size_t read(std::string_view text) {
    MetricsVisitor visitor;
    visitor.on_eval = [this](const EvalLine& line) { evals.push_back(line); };
    visitor.on_train = [this](const TrainLines& lines) { trains.push_back(lines); };
    visitor.on_checkpoint = [this](const CheckpointLine& line) { checkpoints.push_back(line); };
    return read_metrics(text, visitor, &damaged);
  }
};

const EvalLine kEval{12, "fr", 2.0 / 3.0, 1.0 / 7.0, 6144, 512, 1.5e9, true};

}  // namespace

TEST_CASE("metrics come back to the last bit") {
  Collected c;
  std::string text = to_line(kEval) +
                     to_line(TrainLines{10, {1.0 / 3.0, std::nan("")}, {0.1, INFINITY}}) +
                     to_line(CheckpointLine{12, "checkpoint-00000012"});
  CHECK(c.read(text) == text.size());
  REQUIRE(c.evals.size() == 1);
  CHECK(c.evals[0].loss_nats == 2.0 / 3.0);
  CHECK(c.evals[0].loss_nats_per_byte == 1.0 / 7.0);
  CHECK(c.evals[0].tokens_source == 512);
  CHECK(c.evals[0].end_of_schedule);
  REQUIRE(c.trains.size() == 1);
  CHECK(c.trains[0].loss_nats[0] == 1.0 / 3.0);
  CHECK_FALSE(c.trains[0].loss_nats[1].has_value());
  CHECK_FALSE(c.trains[0].gradient_norm[1].has_value());
  CHECK(c.checkpoints.at(0).folder == "checkpoint-00000012");
}

TEST_CASE("a last line cut at any byte is left for later and then read once") {
  std::string line = to_line(kEval), text = line + line;
  for (size_t length = line.size(); length < text.size(); ++length) {
    Collected c;
    size_t used = c.read(std::string_view(text).substr(0, length));
    CHECK(used == line.size());
    CHECK(c.evals.size() == 1);
    used += c.read(std::string_view(text).substr(used));
    CHECK(used == text.size());
    CHECK(c.evals.size() == 2);
  }
}

TEST_CASE("lines that are no metrics are counted and the rest is read") {
  Collected c;
  c.read("garbage\n" + to_line(kEval) + "{\"kind\":\"eval\"}\n{\"kind\":\"new\"}\n");
  CHECK(c.evals.size() == 1);
  CHECK(c.damaged == 3);  // a line without a check is none of ours
}

TEST_CASE("a result is read back, and a cut one counts as none") {
  TempFolder folder;
  RunResult result;
  result.token = "t1";
  result.outcome = Outcome::kDiverged;
  result.message = "step 3: loss nan";
  result.step = 3;
  result.provenance = R"({"host":"h"})";
  publish_result(result, folder.path());
  auto read = read_result(folder.path());
  REQUIRE(read);
  CHECK(read->token == "t1");
  CHECK(read->outcome == Outcome::kDiverged);
  CHECK(read->message == result.message);
  std::string whole = tests::read_file(folder / "result.json");
  for (size_t length = 0; length + 2 < whole.size(); ++length) {
    folder.write("result.json", whole.substr(0, length));
    CHECK_FALSE(read_result(folder.path()));
  }
}

TEST_CASE("a flipped bit in a result is damage, wherever it is") {
  TempFolder folder;
  RunResult result;
  result.token = "0123456789abcdef", result.outcome = Outcome::kDone, result.step = 40;
  result.seconds = 1.5, result.tokens_per_second = 3e4, result.checkpoint = "checkpoint-00000040";
  publish_result(result, folder.path());
  std::string whole = tests::read_file(folder / "result.json");
  for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    folder.write("result.json", flipped);
    INFO(bit << ": " << flipped);
    REQUIRE_FALSE(read_result(folder.path()));
  }
}

TEST_CASE("a flipped bit in a line of metrics is damage, wherever it is") {
  const std::string lines[] = {to_line(kEval), to_line(TrainLines{10, {1.5, NAN}, {0.1, 2}}),
                               to_line(CheckpointLine{12, "checkpoint-00000012"})};
  for (const std::string& line : lines) {
    for (size_t bit = 0; bit < 8 * (line.size() - 1); ++bit) {
      std::string flipped = line;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      Collected c;
      c.read(flipped);
      INFO(bit << ": " << flipped);
      REQUIRE(c.damaged >= 1);
      REQUIRE(c.evals.size() + c.trains.size() + c.checkpoints.size() == 0);
    }
  }
}

TEST_CASE("results and lines of before there were hashes are still read") {
  TempFolder folder;
  folder.write("result.json",
               R"({"version":1,"token":"t","outcome":"done","message":"","step":4,"start_step":0,)"
               R"("checkpoint":"","seconds":1,"tokens_per_second":2,"provenance":{}})");
  CHECK(read_result(folder.path())->step == 4);
  Collected c;
  MetricsVisitor visitor;
  visitor.on_checkpoint = [&](const CheckpointLine& line) { c.checkpoints.push_back(line); };
  const std::string old = "{\"kind\":\"checkpoint\",\"step\":3,\"folder\":\"f\"}\n";
  read_metrics(old, visitor, &c.damaged, LineChecks::kWhereThere);
  CHECK(c.checkpoints.size() == 1);
  CHECK(c.damaged == 0);
}

TEST_CASE("every outcome comes back by its name, and one that nobody knows counts as a crash") {
  TempFolder folder;
  for (Outcome outcome : {Outcome::kDone, Outcome::kDiverged, Outcome::kStopped,
                          Outcome::kOutOfMemory, Outcome::kRefused, Outcome::kCrashed}) {
    RunResult result;
    result.outcome = outcome;
    publish_result(result, folder.path());
    CHECK(read_result(folder.path())->outcome == outcome);
  }
  auto newer = nlohmann::json::parse(tests::read_file(folder / "result.json"));
  newer["outcome"] = "promoted";
  folder.write("result.json", db::checked_text(newer));
  CHECK(read_result(folder.path())->outcome == Outcome::kCrashed);
}

TEST_CASE("numbers of a result and of metrics come back to the last bit, unknown ones as nothing") {
  TempFolder folder;
  for (double value : {1.0 / 3.0, 5e-324, 1.7976931348623157e308, 0.1, 123456789.123456789}) {
    RunResult result;
    result.seconds = value, result.tokens_per_second = -value;
    publish_result(result, folder.path());
    CHECK(read_result(folder.path())->seconds == value);
    CHECK(read_result(folder.path())->tokens_per_second == -value);
    Collected c;
    c.read(to_line(EvalLine{1, "fr", value, std::nullopt, 1, 1, value, false}) +
           to_line(TrainLines{0, {value, std::nullopt, -value}, {INFINITY, value, NAN}}));
    REQUIRE(c.evals.size() == 1);
    CHECK(c.evals[0].loss_nats == value);
    CHECK_FALSE(c.evals[0].loss_nats_per_byte);
    CHECK(c.evals[0].flops == value);
    CHECK(c.trains.at(0).loss_nats ==
          std::vector<std::optional<double>>{value, std::nullopt, -value});
    CHECK(c.trains.at(0).gradient_norm ==
          std::vector<std::optional<double>>{std::nullopt, value, std::nullopt});
  }
}

TEST_CASE("names with quotes, backslashes and all of Unicode pass through metrics") {
  for (const std::string& name : {std::string("zh-Hant"), std::string("a\"b\\c\nd"),
                                  std::string("\xE4\xB8\xAD\xF0\x9F\x98\x80")}) {
    Collected c;
    std::string line = to_line(EvalLine{1, name, 1.0, 1.0, 1, 1, 1, false});
    CHECK(std::count(line.begin(), line.end(), '\n') == 1);
    c.read(line);
    CHECK(c.evals.at(0).language == name);
  }
}

}  // namespace crosslaw::trainer
