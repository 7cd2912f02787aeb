// The subcommands of culvertctl. Each adds itself to the command line and sets the exit code when
// it has run: 0 success, 1 failure, with one line on stderr that says why.
#pragma once

namespace CLI {
class App;
}

namespace culvert::cli {

void add_control(CLI::App& app, int& exit_code);
void add_agent(CLI::App& app, int& exit_code);
void add_enrolment(CLI::App& app, int& exit_code);   // enroll, withdraw, enrolments
void add_inspection(CLI::App& app, int& exit_code);  // status, workloads, ... connections
void add_explain(CLI::App& app, int& exit_code);
void add_log(CLI::App& app, int& exit_code);
void add_demo(CLI::App& app, int& exit_code);
void add_demo_server(CLI::App& app, int& exit_code);  // hidden: what runs in the demo's pods

}  // namespace culvert::cli
