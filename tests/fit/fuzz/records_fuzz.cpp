// Feeds the readers of data files: separated text, JSON in its shapes, Markdown, wide exports, with
// every option of parse_data on and off. The first line of the input chooses the options, the rest
// is the file:
//
//   params|tokens|loss|weight|cluster|stage|unique|compute|condition|condition...
//
// Empty columns are guessed. Among the conditions !drop leaves out gaps, !best=A,B and !mean=A
// reduce rows, !params=M, !tokens=B, !flops=1e18 and !loss=ppl state units.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "fit/data/data_file.h"
#include "tests/fit/fuzz/require.h"
#include "tests/fit/fuzz/target.h"

namespace fit = crosslaw::fit;

namespace {

std::vector<std::string> split(std::string_view text, char separator = '|') {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == separator) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

// Whether the field is an option that is no column.
bool set_option(const std::string& field, fit::DataFileOptions& out) {
  if (field == "!drop") out.drop_missing = true;
  const std::size_t equal = field.find('=');
  const std::string name = field.substr(0, equal);
  const std::string value = equal == std::string::npos ? "" : field.substr(equal + 1);
  if (name == "!best") out.best_of = split(value, ',');
  if (name == "!mean") out.mean_of = split(value, ',');
  if (name == "!params") out.params_unit = value;
  if (name == "!tokens") out.tokens_unit = value;
  if (name == "!flops") out.flops_unit = value;
  if (name == "!loss") out.loss_unit = value;
  return field.starts_with("!");
}

fit::DataFileOptions options_of(std::string_view line) {
  std::vector<std::string> fields = split(line);
  fit::DataFileOptions out;
  out.path = "fuzz";
  std::string* const columns[] = {&out.params,  &out.tokens, &out.loss,   &out.weight,
                                  &out.cluster, &out.stage,  &out.unique, &out.compute};
  constexpr std::size_t kColumns = std::size(columns);
  for (std::size_t i = 0; i < kColumns && i < fields.size(); ++i) *columns[i] = fields[i];
  for (std::size_t i = kColumns; i < fields.size(); ++i) {
    if (!set_option(fields[i], out)) out.where.push_back(fields[i]);
  }
  return out;
}

void check_points(std::string_view text, const fit::DataFileOptions& options) {
  fit::DataFile file;
  try {
    file = fit::parse_data(text, options);
  } catch (const std::invalid_argument& error) {
    require(error.what()[0] != '\0', "a refusal without a message");
    return;
  }
  require(!file.points.empty(), "a file without points was accepted");
  require(fit::problems(file.points).empty(), "a point that is not finite and positive");
  require(file.points.size() <= file.rows, "more points than rows");
  require(file.lines.size() == file.points.size(), "a point without a line");
  require(file.record_rows.size() == file.points.size(), "a point without a row");
  const fit::DataFileOptions& used = file.used;
  require(!used.params.empty() && !used.tokens.empty() && !used.loss.empty(), "nothing was taken");
  for (const std::string& note : file.notes) require(!note.empty(), "an empty note");
  for (const fit::Doubt& doubt : file.doubts) require(!doubt.sentence.empty(), "an empty doubt");
  for (const fit::Point& point : file.points) {
    require(point.cluster < static_cast<int>(file.clusters.size()), "a cluster without a name");
    require((point.cluster >= 0) == !used.cluster.empty(), "clusters nobody asked for");
    require(used.unique.empty() || point.unique_tokens > 0, "unique tokens were lost");
    require(used.compute.empty() || point.flops > 0, "compute was lost");
  }
}

// Every field as a number, and rows against conditions, without the rest of parse_data.
void check_fields(std::string_view text, const fit::DataFileOptions& options) {
  try {
    const fit::Records records = fit::parse_records(text, "fuzz", {});
    require(!records.rows.empty() && records.rows.size() == records.lines.size(), "rows lost");
    for (std::size_t row = 0; row < records.rows.size(); ++row) {
      require(records.rows[row].size() == records.columns.size(), "a row of another width");
      require(records.lines[row] > 0, "a row without a line");
      for (std::size_t column = 0; column < records.columns.size(); ++column) {
        try {
          require(std::isfinite(fit::number_in(records, row, column)), "a number not finite");
        } catch (const std::invalid_argument&) {
        }
      }
    }
    for (const std::string& condition : options.where) {
      require(fit::rows_with(records, condition).size() == records.rows.size(), "answers lost");
    }
  } catch (const std::invalid_argument&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(all.find('\n'), all.size());
  const fit::DataFileOptions options = options_of(all.substr(0, end));
  const std::string_view text = all.substr(std::min(end + 1, all.size()));
  check_points(text, options);
  check_fields(text, options);
  return 0;
}
