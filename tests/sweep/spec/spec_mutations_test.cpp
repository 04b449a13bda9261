// Every line of a good spec, dropped or with another value: an error that names the line, or a spec
// that is good and comes back from its written-out form.
#include <sstream>

#include "sweep/spec/spec.h"
#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"

namespace crosslaw::sweep {
namespace {

using tests::message_of;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream input(text);
  for (std::string line; std::getline(input, line);) lines.push_back(line);
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// The error of a spec text, or nothing for one that is read and means the same when written out.
std::optional<std::string> error_of(const tests::SmallSweep& sweep, const std::string& text) {
  auto file = sweep.folder.write("small.toml", text);
  try {
    std::string resolved = to_toml(read_spec(file));
    CHECK(to_toml(read_spec(sweep.folder.write("again.toml", resolved))) == resolved);
    return std::nullopt;
  } catch (const SpecError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE(
    "every value of a spec, replaced by an odd one, is named with its line or makes a good spec") {
  tests::SmallSweep sweep;
  // All keys are written out, so that each is tried.
  std::string spec = to_toml(read_spec(sweep.spec));
  auto lines = lines_of(spec);
  int64_t refused = 0, tried = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    size_t equals = lines[i].find(" = ");
    if (equals == std::string::npos) continue;
    for (const char* odd :
         {"\"\"", "\"x\"", "-1", "0", "1", "0.5", "1e18", "nan", "inf", "true", "[]", "[[]]", "[0]",
          "['']", "[-1.0]", "{}", "{ a = 1 }", "1979-05-27", "9223372036854775807"}) {
      auto changed = lines;
      changed[i] = lines[i].substr(0, equals) + " = " + odd;
      auto error = error_of(sweep, joined(changed));
      ++tried;
      if (!error) continue;
      ++refused;
      INFO(changed[i] << "\n" << *error);
      std::string place = "small.toml:" + std::to_string(i + 1) + ":";
      std::string key = lines[i].substr(0, equals);
      key = key.substr(key.find_first_not_of(' '));
      // Two keys that exclude or need each other: either may be named.
      CHECK((error->find(place) != std::string::npos || error->find(key) != std::string::npos));
    }
  }
  CHECK(tried > 700);
  CHECK(refused > 400);
}

TEST_CASE("every line of a spec, left out or doubled, is named or makes a good spec") {
  tests::SmallSweep sweep;
  auto lines = lines_of(tests::SmallSweep::spec_text());
  for (size_t i = 0; i < lines.size(); ++i) {
    for (bool doubled : {false, true}) {
      auto changed = lines;
      if (doubled) {
        changed.insert(changed.begin() + static_cast<long>(i), lines[i]);
      } else {
        changed.erase(changed.begin() + static_cast<long>(i));
      }
      auto error = error_of(sweep, joined(changed));
      INFO(lines[i] << (doubled ? " doubled" : " left out"));
      if (doubled) REQUIRE(error);
      if (error) CHECK_THAT(*error, has_text("small.toml:"));
    }
  }
}

TEST_CASE("a spec cut at any byte is a SpecError with a line, or a good spec, and nothing else") {
  tests::SmallSweep sweep;
  const std::string text = tests::SmallSweep::spec_text();
  for (size_t length = 0; length < text.size(); ++length) {
    auto error = error_of(sweep, text.substr(0, length));
    if (error) REQUIRE_THAT(*error, has_text("small.toml:"));
  }
}

TEST_CASE("bounds of numbers: the last good value and the first bad one") {
  tests::SmallSweep sweep;
  struct Bound {
    std::string after;  // the line is put behind this one
    std::string good, bad, message;
  };
  const std::string train = "[train]", launch = "[launch]", strategy = "name = \"continued\"";
  for (const Bound& b : std::vector<Bound>{
           {train, "warmup_fraction = 0", "warmup_fraction = 1", "in [0, 1)"},
           {train, "warmup_fraction = 0.999", "warmup_fraction = -0.1", "in [0, 1)"},
           {train, "warmup_steps_min = 10", "warmup_steps_min = 11", "at least warmup_steps_min"},
           {train, "warmup_steps_min = 0", "warmup_steps_min = -1", "at least 0"},
           {train, "cooldown_fraction = 0.001", "cooldown_fraction = 0", "in (0, 1)"},
           {train, "cooldown_fraction = 0.999", "cooldown_fraction = 1", "in (0, 1)"},
           {train, "final_learning_rate = 1", "final_learning_rate = 1.01", "share of the peak"},
           {train, "final_learning_rate = 0", "final_learning_rate = -0.01", "share of the peak"},
           {train, "deterministic = true", "deterministic = 1", "true or false"},
           {train, "checkpoint_every_seconds = 0.001", "checkpoint_every_seconds = 0", "positive"},
           {launch, "threads_per_run = 1", "threads_per_run = 0", "at least 1"},
           {launch, "retries = 0", "retries = -1", "at least 0"},
           {launch, "flops_per_second = 0", "flops_per_second = -1", "at least 0"},
           {launch, "dollars_per_hour = 0", "dollars_per_hour = -1", "at least 0"},
           {strategy, "replay = [0.0, 0.999]", "replay = [1]", "in [0, 1), found 1"},
           {strategy, "every = 3", "every = 0", "at least 1"},
           {strategy, "tokens_per_param = [0.001]", "tokens_per_param = [-1]", "positive"},
       }) {
    auto with = [&](const std::string& line) {
      std::string text = tests::SmallSweep::spec_text();
      // Of a cosine alone.
      if (line.starts_with("final_learning_rate")) text.replace(text.find("wsd"), 3, "cosine");
      size_t at = text.find(b.after) + b.after.size();
      return error_of(sweep, text.insert(at, "\n" + line));
    };
    INFO(b.good << " against " << b.bad);
    CHECK_FALSE(with(b.good));
    auto error = with(b.bad);
    REQUIRE(error);
    CHECK_THAT(*error, has_text(b.message));
  }
}

}  // namespace crosslaw::sweep
