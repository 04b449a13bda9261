#include "trainer/recipe/run_files.h"

#include <cmath>

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
  CHECK(c.damaged == 2);
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

TEST_CASE("what is wrong with a checkpoint is told") {
  TempFolder folder;
  CHECK_THAT(checkpoint_damage(folder.path(), false), Catch::Contains("state.json is missing"));
  folder.write("model.safetensors", "weights");
  folder.write("state.json",
               R"({"sha256":{"model.safetensors":")" + db::sha256("weights") + "\"}}");
  CHECK(checkpoint_damage(folder.path(), true).empty());
  folder.write("model.safetensors", "weightz");
  CHECK(checkpoint_damage(folder.path(), false).empty());
  CHECK_THAT(checkpoint_damage(folder.path(), true),
             Catch::Contains("model.safetensors is damaged"));
  std::filesystem::remove(folder / "model.safetensors");
  CHECK_THAT(checkpoint_damage(folder.path(), false),
             Catch::Contains("model.safetensors is missing"));
}

}  // namespace crosslaw::trainer
