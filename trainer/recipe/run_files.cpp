#include "trainer/recipe/run_files.h"

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "db/files/atomic_file.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr int kResultVersion = 1;

// JSON has no NaN: an unknown or non-finite number is null, never 0.
json number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? json(*value) : json(nullptr);
}

std::optional<double> optional_number(const json& j) {
  return j.is_number() ? std::optional<double>(j.get<double>()) : std::nullopt;
}

json numbers(const std::vector<std::optional<double>>& values) {
  json array = json::array();
  for (const auto& value : values) array.push_back(number(value));
  return array;
}

std::vector<std::optional<double>> optional_numbers(const json& array) {
  std::vector<std::optional<double>> values;
  for (const json& value : array) values.push_back(optional_number(value));
  return values;
}

// False for a line whose parts do not fit together.
bool visit(const json& j, const MetricsVisitor& visitor) {
  // An unknown kind is passed over: a newer trainer may say more.
  std::string kind = j.at("kind");
  if (kind == "eval") {
    visitor.on_eval({j.at("step"), j.at("language"), optional_number(j.at("loss_nats")),
                     optional_number(j.at("loss_nats_per_byte")), j.at("tokens_target"),
                     j.at("tokens_source"), j.at("flops"), j.at("end_of_schedule"),
                     j.value("valid_tokens", int64_t{0})});
  } else if (kind == "train") {
    const TrainLines lines{j.at("first_step"), optional_numbers(j.at("loss_nats")),
                           optional_numbers(j.at("gradient_norm"))};
    if (lines.loss_nats.size() != lines.gradient_norm.size()) return false;
    visitor.on_train(lines);
  } else if (kind == "checkpoint") {
    visitor.on_checkpoint({j.at("step"), j.at("folder")});
  } else if (kind == "choices" && visitor.on_choices) {
    visitor.on_choices({j.at("step"), j.at("name"), j.at("questions"), j.at("correct"),
                        j.at("correct_by_byte"), optional_number(j.at("answer_nats_per_byte"))});
  }
  return true;
}

}  // namespace

std::string to_line(const EvalLine& e) {
  json j = {{"kind", "eval"},
            {"step", e.step},
            {"language", e.language},
            {"loss_nats", number(e.loss_nats)},
            {"loss_nats_per_byte", number(e.loss_nats_per_byte)},
            {"tokens_target", e.tokens_target},
            {"tokens_source", e.tokens_source},
            {"flops", e.flops},
            {"end_of_schedule", e.end_of_schedule},
            {"valid_tokens", e.valid_tokens}};
  return j.dump() + "\n";
}

std::string to_line(const TrainLines& t) {
  json j = {{"kind", "train"},
            {"first_step", t.first_step},
            {"loss_nats", numbers(t.loss_nats)},
            {"gradient_norm", numbers(t.gradient_norm)}};
  return j.dump() + "\n";
}

std::string to_line(const CheckpointLine& c) {
  return json{{"kind", "checkpoint"}, {"step", c.step}, {"folder", c.folder}}.dump() + "\n";
}

std::string to_line(const ChoiceLine& c) {
  return json{{"kind", "choices"},
              {"step", c.step},
              {"name", c.name},
              {"questions", c.questions},
              {"correct", c.correct},
              {"correct_by_byte", c.correct_by_byte},
              {"answer_nats_per_byte", number(c.answer_nats_per_byte)}}
             .dump() +
         "\n";
}

size_t read_metrics(std::string_view text, const MetricsVisitor& visitor, int64_t* damaged) {
  size_t done = 0;
  for (size_t end; (end = text.find('\n', done)) != std::string_view::npos; done = end + 1) {
    try {
      // One bad line (a full disk, a crash of the machine) must not cost the lines after it.
      *damaged += visit(json::parse(text.substr(done, end - done)), visitor) ? 0 : 1;
    } catch (const json::exception&) {
      ++*damaged;
    }
  }
  return done;
}

void publish_result(const RunResult& result, const fs::path& folder) {
  json j = {{"version", kResultVersion},
            {"token", result.token},
            {"outcome", name_of(result.outcome)},
            {"message", result.message},
            {"step", result.step},
            {"start_step", result.start_step},
            {"micro_batch_sequences", result.micro_batch_sequences},
            {"checkpoint", result.checkpoint},
            {"seconds", result.seconds},
            {"tokens_per_second", result.tokens_per_second},
            {"provenance", json::parse(result.provenance)}};
  db::publish_file(result_file(folder), j.dump(1) + "\n");
}

std::optional<RunResult> read_result(const fs::path& folder) {
  std::ifstream input(result_file(folder));
  if (!input) return std::nullopt;
  // Published by a rename, so that a damaged one means a damaged disk: it counts as none.
  json j = json::parse(input, nullptr, false);
  try {
    RunResult result;
    j.at("token").get_to(result.token);
    result.outcome =
        db::outcome_named(j.at("outcome").get<std::string>()).value_or(Outcome::kCrashed);
    j.at("message").get_to(result.message);
    j.at("step").get_to(result.step);
    j.at("start_step").get_to(result.start_step);
    // Absent in results of earlier versions.
    result.micro_batch_sequences = j.value("micro_batch_sequences", int64_t{0});
    j.at("checkpoint").get_to(result.checkpoint);
    j.at("seconds").get_to(result.seconds);
    j.at("tokens_per_second").get_to(result.tokens_per_second);
    result.provenance = j.at("provenance").dump();
    return result;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

fs::path config_file(const fs::path& folder) { return folder / "config.json"; }
fs::path metrics_file(const fs::path& folder) { return folder / "metrics.jsonl"; }
fs::path heartbeat_file(const fs::path& folder) { return folder / "heartbeat"; }
fs::path result_file(const fs::path& folder) { return folder / "result.json"; }
fs::path log_file(const fs::path& folder) { return folder / "log.txt"; }
std::string checkpoint_name(int64_t step) { return fmt::format("checkpoint-{:08}", step); }

}  // namespace crosslaw::trainer
