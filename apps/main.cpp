// The crosslaw executable.
#include "apps/commands/commands.h"

int main(int argc, char** argv) { return crosslaw::apps::run_crosslaw(argc, argv); }
