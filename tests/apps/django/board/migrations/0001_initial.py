"""The board's table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Make the table."""

    initial = True

    operations = (
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token", models.CharField(db_index=True, max_length=36)),
                ("name", models.CharField(blank=True, max_length=100)),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
        ),
    )
