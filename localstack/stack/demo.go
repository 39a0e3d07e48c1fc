package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	pakasir "github.com/lapak-id/lapak/localstack/pakasir/control"
	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// Store is a store to register on the local cloud.
type Store struct {
	ID       string
	Name     string
	Owner    int64  // Telegram user id
	Token    string // of its bot
	Username string // of its bot
}

// BotID is the Telegram user id of the store's bot, the first part of its
// token.
func (s Store) BotID() int64 {
	var id int64

	_, _ = fmt.Sscanf(s.Token, "%d:", &id) // a token without an id gives 0, which no chat has

	return id
}

// Demo is the store that a local cloud has from the start. Its token opens
// nothing but the simulator.
func Demo() Store {
	return Store{
		ID:       "demo",
		Name:     "Toko Kopi Digital",
		Owner:    People()[0].ID,
		Token:    "7000000001:simulated-token-of-the-demo-store-0",
		Username: "toko_kopi_digital_bot",
	}
}

// People are those who can write to the demo store. The first owns it.
func People() []control.User {
	return []control.User{
		{ID: 1001, FirstName: "Budi", Username: "budi", LanguageCode: "id"},
		{ID: 1002, FirstName: "Sari", Username: "sari", LanguageCode: "id"},
		{ID: 1003, FirstName: "Emma", Username: "emma", LanguageCode: "en"},
	}
}

// AddDemo adds the demo store and its people. It may be done again.
func (s *Stack) AddDemo(ctx context.Context) error {
	client := control.New(s.Telegram)

	state, err := client.State(ctx)
	if err != nil {
		return fmt.Errorf("ask the Telegram simulator who is there: %w", err)
	}

	known := map[int64]bool{}
	for _, user := range state.Users {
		known[user.ID] = true
	}

	for _, user := range People() {
		if known[user.ID] {
			continue
		}

		if _, err := client.CreateUser(ctx, user); err != nil {
			return fmt.Errorf("add %s to the Telegram simulator: %w", user.FirstName, err)
		}
	}

	if err := s.setSpeechKeys(ctx); err != nil {
		return err
	}

	if err := s.Operate(ctx, "LAPAK_PROVIDER_KEY=local", "provider", "set", "telegram-app"); err != nil {
		return fmt.Errorf("set the api_hash of the Telegram application: %w", err)
	}

	if err := s.AddStore(ctx, Demo()); err != nil {
		return err
	}

	if err := s.AddAccount(ctx, Demo().ID); err != nil {
		return err
	}

	if err := s.Operate(ctx, "", "gateway", "set", Demo().ID, "stars"); err != nil {
		return fmt.Errorf("have the demo store take Stars: %w", err)
	}

	return s.stockDemo(ctx)
}

func (s *Stack) setSpeechKeys(ctx context.Context) error {
	for _, provider := range []string{"groq", "deepgram"} {
		if err := s.Operate(ctx, "LAPAK_PROVIDER_KEY=local", "provider", "set", provider); err != nil {
			return fmt.Errorf("set the key of the speech recognition: %w", err)
		}
	}

	return nil
}

// AddDev registers the store of a bot that exists, with a shop to try. Its
// updates are fetched, since nobody reaches a laptop from outside. It may be
// done again.
func (s *Stack) AddDev(ctx context.Context, store Store) error {
	if err := s.setSpeechKeys(ctx); err != nil {
		return err
	}

	err := s.Operate(ctx, "LAPAK_BOT_TOKEN="+store.Token, "store", "add", "--mode", "polling",
		"--id", store.ID, "--name", store.Name, "--owner", strconv.FormatInt(store.Owner, 10),
		"--webhook-url", s.WebhookURL(store.ID)) // where it would be, were it pushed
	if err != nil {
		return fmt.Errorf("register store %s: %w", store.ID, err)
	}

	return s.AddAccount(ctx, store.ID)
}

// AddAccount gives a store an account at the payment gateway and opens its
// shop. It may be done again. The project is named like the store, its key and
// secret open nothing but the simulator.
func (s *Stack) AddAccount(ctx context.Context, store string) error {
	project := pakasir.Project{
		Slug: store, Key: "simulated-key-of-" + store, Secret: "simulated-secret-of-" + store, Callback: s.CallbackURL("pakasir", store),
	}
	if err := pakasir.New(s.Pakasir).SetProject(ctx, project); err != nil {
		return fmt.Errorf("add an account of store %s to the payment gateway: %w", store, err)
	}

	err := s.operate(ctx, []string{"LAPAK_GATEWAY_KEY=" + project.Key, "LAPAK_GATEWAY_SECRET=" + project.Secret},
		"gateway", "set", store, "pakasir", "--project", project.Slug)
	if err != nil {
		return fmt.Errorf("give store %s its account at the payment gateway: %w", store, err)
	}

	if err := s.Operate(ctx, "", "store", "shop", store, "open"); err != nil {
		return fmt.Errorf("open the shop of store %s: %w", store, err)
	}

	return nil
}

// AddStore adds a bot to the Telegram simulator and registers its store by the
// command line that operators use.
func (s *Stack) AddStore(ctx context.Context, store Store) error {
	_, err := control.New(s.Telegram).CreateBot(ctx, control.Bot{Token: store.Token, FirstName: store.Name, Username: store.Username})
	if err != nil {
		return fmt.Errorf("add bot of store %s to the Telegram simulator: %w", store.ID, err)
	}

	err = s.Operate(ctx, "LAPAK_BOT_TOKEN="+store.Token, "store", "add",
		"--id", store.ID,
		"--name", store.Name,
		"--owner", strconv.FormatInt(store.Owner, 10),
		"--webhook-url", s.WebhookURL(store.ID))
	if err != nil {
		return fmt.Errorf("register store %s: %w", store.ID, err)
	}

	return nil
}

// Operate runs the operator's command line on this stack. A secret goes by the
// environment, as "NAME=value".
func (s *Stack) Operate(ctx context.Context, secret string, args ...string) error {
	return s.operate(ctx, []string{secret}, args...)
}

func (s *Stack) operate(ctx context.Context, secrets []string, args ...string) error {
	command := exec.CommandContext(ctx, filepath.Join(s.programs, "ctl"), args...)
	command.Env = append(s.Environment(), "PATH="+os.Getenv("PATH"), "HOME="+s.options.State)
	command.Env = append(command.Env, secrets...)

	return output(command)
}
