#include "apps/commands/unread_columns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>
#include <string_view>

#include "apps/commands/fit_source.h"

namespace crosslaw::apps {
namespace {

void refuse_unread(const fit::Law& law, std::string_view name, const fit::DataFileOptions& file) {
  for (const NamedColumn& each : columns_beside_size_and_tokens(file)) {
    if (law.depends_on(each.axis)) continue;
    std::vector<std::string> readers;
    for (const std::string_view reader : fit::law_names()) {
      if (fit::find_law(reader).depends_on(each.axis)) readers.emplace_back(reader);
    }
    throw std::invalid_argument(
        fmt::format("{} {}: law {} does not read it; --law {} does, or fit --holdout compares them",
                    each.flag, each.column, name, fmt::join(readers, ", ")));
  }
}

}  // namespace

std::vector<NamedColumn> columns_beside_size_and_tokens(const fit::DataFileOptions& file) {
  std::vector<NamedColumn> out;
  for (const NamedColumn& each :
       {NamedColumn{"--unique", file.unique, fit::Axis::kRepeats},
        NamedColumn{"--ratio", file.ratio, fit::Axis::kShare},
        NamedColumn{"--replay", file.replay, fit::Axis::kShare},
        NamedColumn{"--base-tokens", file.base_tokens, fit::Axis::kBase},
        NamedColumn{"--loss-before", file.loss_before, fit::Axis::kLossBefore}}) {
    if (!each.column.empty()) out.push_back(each);
  }
  return out;
}

void refuse_unread_columns(const fit::Law& law, const fit::DataFileOptions& file) {
  refuse_unread(law, law.name, file);
}

void refuse_unread_columns(const fit::FitResult& fit, const fit::DataFileOptions& file) {
  refuse_unread(*fit.law, law_name(fit), file);
}

void refuse_columns_beside_size_and_tokens(const std::string& what,
                                           const fit::DataFileOptions& file) {
  for (const NamedColumn& each : columns_beside_size_and_tokens(file)) {
    throw std::invalid_argument(
        fmt::format("{} {}: {} goes by N and D alone and would pool the rows over it; leave the "
                    "flag out and keep the rows of one value, such as --where {}=VALUE",
                    each.flag, each.column, what, each.column));
  }
}

}  // namespace crosslaw::apps
