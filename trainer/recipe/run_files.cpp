#include "trainer/recipe/run_files.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "db/files/atomic_file.h"
#include "db/files/checked_json.h"
#include "db/files/content_hash.h"
#include "db/files/read_file.h"
#include "db/files/run_folders.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

// 1: without a hash of itself.
constexpr int kResultVersion = 2;

// A line of metrics ends with the beginning of the SHA-256 of what stands before: ,"check":"..."}
constexpr std::string_view kCheckKey = ",\"check\":\"", kCheckEnd = "\"}";
constexpr size_t kCheckDigits = 16;

std::string check_of(std::string_view body) { return db::sha256(body).substr(0, kCheckDigits); }

std::string checked_line(const json& object) {
  std::string line = object.dump();
  line.pop_back();  // its brace comes after the check
  const std::string check = check_of(line);
  return line.append(kCheckKey).append(check).append(kCheckEnd) + "\n";
}

// Whether it ends with its own check; `has_one` tells of one that is wrong or right.
bool is_checked_line(std::string_view line, bool* has_one) {
  constexpr size_t kSuffix = kCheckKey.size() + kCheckDigits + kCheckEnd.size();
  *has_one = line.size() > kSuffix && line.ends_with(kCheckEnd) &&
             line.substr(line.size() - kSuffix).starts_with(kCheckKey);
  if (!*has_one) return false;
  const std::string_view check =
      line.substr(line.size() - kCheckDigits - kCheckEnd.size(), kCheckDigits);
  return check_of(line.substr(0, line.size() - kSuffix)) == check;
}

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
    visitor.on_eval(
        {j.at("step"), j.at("language"), optional_number(j.at("loss_nats")),
         optional_number(j.at("loss_nats_per_byte")), j.at("tokens_target"), j.at("tokens_source"),
         j.at("flops"), j.at("end_of_schedule"), j.value("valid_tokens", int64_t{0}),
         j.value("seen_tokens", int64_t{0}),
         j.contains("loss_seen_nats") ? optional_number(j["loss_seen_nats"]) : std::nullopt});
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
  if (e.seen_tokens > 0) {
    j["seen_tokens"] = e.seen_tokens;
    j["loss_seen_nats"] = number(e.loss_seen_nats);
  }
  return checked_line(j);
}

std::string to_line(const TrainLines& t) {
  json j = {{"kind", "train"},
            {"first_step", t.first_step},
            {"loss_nats", numbers(t.loss_nats)},
            {"gradient_norm", numbers(t.gradient_norm)}};
  return checked_line(j);
}

std::string to_line(const CheckpointLine& c) {
  return checked_line({{"kind", "checkpoint"}, {"step", c.step}, {"folder", c.folder}});
}

std::string to_line(const ChoiceLine& c) {
  const json j = {{"kind", "choices"},
                  {"step", c.step},
                  {"name", c.name},
                  {"questions", c.questions},
                  {"correct", c.correct},
                  {"correct_by_byte", c.correct_by_byte},
                  {"answer_nats_per_byte", number(c.answer_nats_per_byte)}};
  return checked_line(j);
}

size_t read_metrics(std::string_view text, const MetricsVisitor& visitor, int64_t* damaged,
                    LineChecks checks) {
  size_t done = 0;
  for (size_t end; (end = text.find('\n', done)) != std::string_view::npos; done = end + 1) {
    const std::string_view line = text.substr(done, end - done);
    bool has_check = false;
    const bool whole = is_checked_line(line, &has_check);
    if (!whole && (has_check || checks == LineChecks::kRequired)) {
      ++*damaged;
      continue;
    }
    try {
      // One bad line (a full disk, a crash of the machine) must not cost the lines after it.
      *damaged += visit(json::parse(line), visitor) ? 0 : 1;
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
  db::publish_file(result_file(folder), db::checked_text(std::move(j)));
}

std::optional<RunResult> read_result(const fs::path& folder) {
  // Published by a rename, so that a damaged one means a damaged disk: it counts as none.
  const auto text = db::read_file(result_file(folder));
  if (!text) return std::nullopt;
  json j = json::parse(*text, nullptr, false);
  try {
    // Only the first version had no hash.
    if (j.at("version") != 1 && !db::is_checked(*text, j)) return std::nullopt;
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
std::string checkpoint_name(int64_t step) { return db::checkpoint_name(step); }

}  // namespace crosslaw::trainer
