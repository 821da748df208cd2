// The language host where the official one can't be had: it runs Python programs and policy packs
// for the engine, out of the SDK's own parts. The official host is in no module that is published.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	sdk "github.com/pulumi/pulumi/sdk/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// The SDK's executor ends with this code when it has told the user already.
const saidWhy = 32

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-language-python:", err)
		os.Exit(1)
	}
}

func serve() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	engine := "" // the last argument, after options for logs and traces
	if len(os.Args) > 1 {
		engine = os.Args[len(os.Args)-1]
	}
	if engine != "" {
		// A host whose engine is gone ends, too.
		if err := rpcutil.Healthcheck(interrupted, engine, 5*time.Minute, stop); err != nil {
			return err
		}
	}
	ended := make(chan bool)
	context.AfterFunc(interrupted, func() { close(ended) })
	server, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: ended,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, &host{
				engine:   engine,
				executor: filepath.Join(filepath.Dir(self), "pulumi-language-python-exec"),
				programs: interrupted,
				cancel:   stop,
			})
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println(server.Port)
	return <-server.Done
}

type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer

	engine   string
	executor string
	programs context.Context // cancelled when programs are to end
	cancel   context.CancelFunc
}

func (*host) Handshake(
	context.Context, *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (*host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version.Version}, nil
}

func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	h.cancel()
	return &emptypb.Empty{}, nil
}

// GetRequiredPackages names the plugin of each package in the virtual environment that has one.
// Packages say so in a file; pip would take half a second to list them all.
func (*host) GetRequiredPackages(
	ctx context.Context, request *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	python, err := environment(request.Info)
	if err != nil {
		return nil, err
	}
	folder, err := python.VirtualEnvPath(ctx)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(
		filepath.Join(folder, "lib", "python3*", "site-packages", "*", "pulumi-plugin.json"))
	if err != nil {
		return nil, err
	}
	answer := &pulumirpc.GetRequiredPackagesResponse{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var named plugin.PulumiPluginJSON
		if err := json.Unmarshal(text, &named); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if !named.Resource || named.Name == "" || named.Version == "" {
			continue
		}
		answer.Packages = append(answer.Packages, &pulumirpc.PackageDependency{
			Name:    named.Name,
			Kind:    "resource",
			Version: "v" + strings.TrimPrefix(named.Version, "v"),
			Server:  named.Server,
		})
	}
	return answer, nil
}

// Run runs a program to its end.
func (h *host) Run(
	ctx context.Context, request *pulumirpc.RunRequest,
) (*pulumirpc.RunResponse, error) {
	python, err := environment(request.Info)
	if err != nil {
		return nil, err
	}
	if err := python.ValidateVenv(ctx); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(h.programs)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	program, err := python.Command(running, append([]string{h.executor}, h.arguments(request)...)...)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(request.GetConfig())
	if err != nil {
		return nil, err
	}
	secrets, err := json.Marshal(append([]string{}, request.GetConfigSecretKeys()...))
	if err != nil {
		return nil, err
	}
	program.Env = append(inherited(program),
		"PULUMI_CONFIG="+string(config), "PULUMI_CONFIG_SECRET_KEYS="+string(secrets))
	program.Stdout, program.Stderr = until{running, os.Stdout}, until{running, os.Stderr}
	program.Cancel = func() error { return program.Process.Signal(os.Interrupt) }
	program.WaitDelay = 5 * time.Second

	var ended *exec.ExitError
	switch err := program.Run(); {
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case errors.As(err, &ended) && ended.ExitCode() == saidWhy:
		return &pulumirpc.RunResponse{Bail: true}, nil
	case errors.As(err, &ended):
		return &pulumirpc.RunResponse{
			Error: fmt.Sprintf("program exited with non-zero exit code: %d", ended.ExitCode()),
		}, nil
	default:
		return nil, err
	}
}

// until passes on what a program says until it is told to end: how it does is of no interest.
type until struct {
	running context.Context
	io.Writer
}

func (u until) Write(text []byte) (int, error) {
	if u.running.Err() != nil {
		return len(text), nil
	}
	return u.Writer.Write(text)
}

// arguments are those of the SDK's pulumi-language-python-exec.
func (h *host) arguments(request *pulumirpc.RunRequest) []string {
	var arguments []string
	for _, option := range [][2]string{
		{"monitor", request.GetMonitorAddress()},
		{"engine", h.engine},
		{"project", request.GetProject()},
		{"root_directory", request.GetInfo().GetRootDirectory()},
		{"stack", request.GetStack()},
		{"pwd", request.GetPwd()},
		{"dry_run", strconv.FormatBool(request.GetDryRun())},
		{"parallel", strconv.Itoa(int(request.GetParallel()))},
		{"organization", request.GetOrganization()},
	} {
		if option[1] != "" {
			arguments = append(arguments, "--"+option[0], option[1])
		}
	}
	arguments = append(arguments, request.GetInfo().GetEntryPoint())
	return append(arguments, request.GetArgs()...)
}

// RunPlugin runs a policy pack until the engine has no more use of it.
func (*host) RunPlugin(
	request *pulumirpc.RunPluginRequest, stream pulumirpc.LanguageRuntime_RunPluginServer,
) error {
	ctx := stream.Context()
	if request.Kind != "analyzer" {
		return fmt.Errorf("this host runs programs and policy packs, and no plugin of kind %q: "+
			"install the official Pulumi CLI", request.Kind)
	}
	python, err := environment(request.Info)
	if err != nil {
		return err
	}
	if err := python.ValidateVenv(ctx); err != nil {
		return err
	}
	arguments := append([]string{"-u", "-m", "pulumi.policy"}, request.Args...)
	pack, err := python.Command(ctx, append(arguments, request.Info.ProgramDirectory)...)
	if err != nil {
		return err
	}
	closer, stdout, stderr, err := rpcutil.MakeRunPluginStreams(stream, false)
	if err != nil {
		return err
	}
	defer closer.Close()
	// The engine tells a running pack its stack, and packs in Python take that from their
	// environment: the SDK's proxy answers in the pack's place until it is known.
	proxy, stdout, err := sdk.NewPolicyProxy(ctx, stdout)
	if err != nil {
		return err
	}
	stack, err := proxy.AwaitConfiguration(ctx)
	if err != nil {
		return err
	}
	pack.Dir = request.Info.ProgramDirectory
	pack.Env = append(inherited(pack), request.Env...)
	if stack != nil {
		config, err := json.Marshal(stack.GetConfig())
		if err != nil {
			return err
		}
		pack.Env = append(pack.Env,
			"PULUMI_ORGANIZATION="+stack.GetOrganization(),
			"PULUMI_PROJECT="+stack.GetProject(),
			"PULUMI_STACK="+stack.GetStack(),
			"PULUMI_DRY_RUN="+strconv.FormatBool(stack.GetDryRun()),
			"PULUMI_CONFIG="+string(config))
	}
	pack.Stdout, pack.Stderr = stdout, stderr
	if err := pack.Start(); err != nil {
		return err
	}
	err = proxy.Attach(ctx, pack)
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return stream.Send(&pulumirpc.RunPluginResponse{
			//nolint:gosec // a process's exit code
			Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: int32(ended.ExitCode())},
		})
	}
	return err
}

// InstallDependencies installs requirements.txt into the virtual environment: `pulumi install`.
func (*host) InstallDependencies(
	request *pulumirpc.InstallDependenciesRequest,
	stream pulumirpc.LanguageRuntime_InstallDependenciesServer,
) error {
	python, err := environment(request.Info)
	if err != nil {
		return err
	}
	closer, stdout, stderr, err := rpcutil.MakeInstallDependenciesStreams(stream, request.IsTerminal)
	if err != nil {
		return err
	}
	defer closer.Close()
	err = python.InstallDependencies(stream.Context(), request.Info.ProgramDirectory,
		request.UseLanguageVersionTools, true, stdout, stderr)
	if err != nil {
		return err
	}
	return closer.Close()
}

// About and GetProgramDependencies are for `pulumi about`.
func (*host) About(
	ctx context.Context, request *pulumirpc.AboutRequest,
) (*pulumirpc.AboutResponse, error) {
	python, err := environment(request.GetInfo())
	if err != nil {
		return nil, err
	}
	about, err := python.About(ctx)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.AboutResponse{
		Executable: about.PythonExecutable,
		Version:    about.PythonVersion.String(),
	}, nil
}

func (*host) GetProgramDependencies(
	ctx context.Context, request *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	python, err := environment(request.Info)
	if err != nil {
		return nil, err
	}
	installed, err := python.ListPackages(ctx, request.TransitiveDependencies)
	if err != nil {
		return nil, err
	}
	answer := &pulumirpc.GetProgramDependenciesResponse{}
	for _, one := range installed {
		answer.Dependencies = append(answer.Dependencies,
			&pulumirpc.DependencyInfo{Name: one.Name, Version: one.Version})
	}
	return answer, nil
}

// environment is the virtual environment that the project's `runtime: options:` name, by pip.
func environment(info *pulumirpc.ProgramInfo) (toolchain.Toolchain, error) {
	options := info.GetOptions().AsMap()
	if of, ok := options["toolchain"]; ok && of != "pip" {
		return nil, fmt.Errorf("toolchain %v: this host knows pip only", of)
	}
	folder, _ := options["virtualenv"].(string)
	if folder == "" {
		return nil, errors.New("this host wants a virtualenv in the project's runtime options")
	}
	return toolchain.ResolveToolchain(toolchain.PythonOptions{
		Root:       info.GetRootDirectory(),
		ProgramDir: info.GetProgramDirectory(),
		Virtualenv: folder,
		Toolchain:  toolchain.Pip,
	})
}

// inherited is the environment that a command has, or gets from this process.
func inherited(command *exec.Cmd) []string {
	if command.Env == nil {
		return os.Environ()
	}
	return command.Env
}
