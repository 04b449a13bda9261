#pragma once

#include <string>
#include <vector>

namespace crosslaw::fit {

// Which columns of a file make points, and which rows.
struct DataFileOptions {
  std::string path;
  std::string params;   // a column, or a sum of columns such as "blocks+embedding"; empty: guessed
  std::string tokens;   // empty: guessed, or C/(6N) where the file has compute and no tokens
  std::string loss;     // empty: guessed
  std::string weight;   // empty: every point weighs 1
  std::string cluster;  // or several, "model+seed"; empty: every point is a run of its own
  std::string stage;    // empty: all from scratch; else values "scratch" or "continued"
  std::string unique;   // distinct tokens; empty: no token is seen twice
  std::string compute;  // training FLOPs; empty: 6 N D
  // Of mixtures: the share of target text among D, or of the other text that is replayed (at most
  // one of the two); empty: all of D is target text.
  std::string ratio, replay;
  std::string base_tokens;  // seen by the model before; empty: unknown
  std::string loss_before;  // before training, in the unit of the loss; empty: unknown
  // "COLUMN=VALUE"; also != < <= > >=. All must hold. Numbers are compared as numbers.
  std::vector<std::string> where;
  // Units of the columns (units.h); empty: as the header says, else as they stand, the loss in
  // nats. That of the tokens is also that of unique and base tokens whose headers say none.
  std::string params_unit, tokens_unit, flops_unit, loss_unit;
  // Columns, or N and D for those in use: of rows that are equal in them the one with the smallest
  // loss is the point, or their mean is. At most one of the two.
  std::vector<std::string> best_of, mean_of;
  bool drop_missing = false;  // rows without a value in a used column are left out, and counted
};

}  // namespace crosslaw::fit
